import { describe, expect, it } from "vitest";
import { indent, lineRange, newline, unindent, type Edit, type Selection } from "./editor";

/** `[` and `]` mark the selection, in the text before and in the one after. */
function check(edit: (selection: Selection) => Edit, before: string, after: string) {
  const start = before.indexOf("[");
  const end = before.indexOf("]") - 1;
  const text = before.replace("[", "").replace("]", "");
  const change = edit({ text, start, end });
  const next = text.slice(0, change.from) + change.insert + text.slice(change.to);
  expect(`${next.slice(0, change.start)}[${next.slice(change.start, change.end)}]${next.slice(change.end)}`).toBe(
    after,
  );
}

describe("tab", () => {
  it("fills up to the next stop", () => check(indent, "ab[]c", "ab  []c"));
  it("replaces what is selected in a line", () => check(indent, "[ab]c", "    []c"));
  it("deepens all selected lines but empty ones", () => check(indent, "a[b\n\nc]d\ne", "    a[b\n\n    c]d\ne"));
  it("leaves a line alone that the selection only reaches", () => check(indent, "[a\n]b", "    [a\n]b"));
});

describe("shift+tab", () => {
  it("takes one step away", () => check(unindent, "      a[]", "  a[]"));
  it("takes no more than there is", () => check(unindent, "  a[]", "a[]"));
  it("works on every selected line", () => check(unindent, "    [a\n    b]", "[a\nb]"));
  it("keeps the caret in its line", () => check(unindent, "a\n[]    b", "a\n[]b"));
  it("leaves an unindented line", () => check(unindent, "a[]b", "a[]b"));
});

describe("enter", () => {
  it("keeps the indent", () => check(newline, "    a;[]", "    a;\n    []"));
  it("goes deeper after an opening bracket", () => check(newline, "fn f() {[]", "fn f() {\n    []"));
});

describe("a line's range", () => {
  it("is found by its number", () => expect(lineRange("ab\ncde\nf", 2)).toEqual({ start: 3, end: 6 }));
  it("stays within the text", () => expect(lineRange("ab\nc", 99)).toEqual({ start: 3, end: 4 }));
});
