import { render } from "preact-render-to-string";
import { expect, it } from "vitest";
import { TokenPrompt } from "./token-prompt";

it("says what is wanted and does not show what is typed", () => {
  const html = render(<TokenPrompt onToken={() => undefined} />);
  expect(html).toMatch(/<h1[^>]*>This server asks for a token.*<label for="token">.*type="password"/s);
});
