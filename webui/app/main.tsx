import "uplot/dist/uPlot.min.css";
import "./styles/fonts.css";
import "./styles/tokens.css";
import "./styles/page.css";
import "./styles/controls.css";
import "./styles/tables.css";
import "./styles/chart.css";
import "./styles/console.css";

import { render } from "preact";
import { Application } from "./application";

const root = document.getElementById("app");
if (root) {
  root.replaceChildren();
  render(<Application />, root);
}
