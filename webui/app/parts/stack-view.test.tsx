import { render } from "preact-render-to-string";
import { expect, it, vi } from "vitest";
import type { Stack } from "../api/types";
import { StackFrames, StackHeadline } from "./stack-view";

// As in a page that did not come over a secure connection: no clipboard.
vi.stubGlobal("navigator", {});

const HOSTILE = `<img src=x onerror="alert('owned')">`;
const stack: Stack = {
  frames: [
    { function: "main", library: HOSTILE, address: 1, is_inline: false },
    { function: HOSTILE, raw_function: HOSTILE, source: `/src/${HOSTILE}`, line: 3, address: "0x2", is_inline: true },
  ],
};

it.each([
  ["headline", <StackHeadline stack={stack} />],
  ["frames", <StackFrames stack={stack} full={true} />],
])("a hostile symbol name stays text in the %s", (_, view) => {
  const html = render(view);
  expect(html).not.toContain("<img");
  expect(html).toContain("&lt;img src=x onerror=&quot;");
});

it("a stack without frames says so", () => {
  expect(render(<StackHeadline stack={{ frames: [] }} />)).toContain("no stack was recorded");
});
