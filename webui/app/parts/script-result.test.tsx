import { render } from "preact-render-to-string";
import { describe, expect, it, vi } from "vitest";
import type { ScriptResult } from "../api/types";
import { safeAddress, ScriptResultView } from "./script-result";

vi.stubGlobal("location", { href: "http://localhost:8080/#/console" });

const image = { kind: "image", basename: "a.svg", path: "/a.svg", checksum: "0" } as const;

describe("the address of a graph", () => {
  it("may be any on the page's own host", () => {
    expect(safeAddress("/script_files/00/a.svg", "http://h:1/x/#/console")).toBe("http://h:1/script_files/00/a.svg");
    expect(safeAddress("script_files/00/a.svg", "http://h:1/x/#/console")).toBe("http://h:1/x/script_files/00/a.svg");
  });

  it.each(["javascript:alert(1)", "data:text/html,x", "//evil.example/a.svg", "https://h:1/a.svg", "http://"])(
    "is refused for %s",
    (url) => {
      expect(safeAddress(url, "http://h:1/#/console")).toBeNull();
    },
  );
});

describe("a script's output", () => {
  it("keeps its order and stays text", () => {
    const result: ScriptResult = {
      status: "ok",
      elapsed: 0.0123,
      output: [
        { kind: "println", value: "<b>first</b>" },
        { ...image, url: "/script_files/0/a.svg" },
        { kind: "println", value: "last" },
      ],
    };
    const html = render(<ScriptResultView result={result} />);
    expect(html).toMatch(
      /&lt;b>first.*<img src="http:\/\/localhost:8080\/script_files\/0\/a.svg".*last.*Finished in 12.3 ms/s,
    );
  });

  it("shows what came before the error, and where the error is", () => {
    const failed = { status: "error", elapsed: 1, message: "no function `oops`", line: 2, column: 5 } as const;
    const html = render(<ScriptResultView result={{ ...failed, output: [{ kind: "println", value: "before" }] }} />);
    expect(html).toMatch(/before.*Error in line 2, column 5.*no function `oops`/s);
  });

  it("names no line where there is none", () => {
    expect(
      render(<ScriptResultView result={{ status: "error", elapsed: 1, output: [], message: "timed out" }} />),
    ).toContain("The script failed");
  });

  it("does not load an image from elsewhere", () => {
    const html = render(
      <ScriptResultView
        result={{ status: "ok", elapsed: 0, output: [{ ...image, url: "https://evil.example/a.svg" }] }}
      />,
    );
    expect(html).not.toContain("<img");
  });
});
