import { describe, expect, it } from "vitest";
import type { ComparisonRow, Metrics } from "./api/types";
import { bar, selectRows } from "./delta";

function row(name: string, leaked_bytes: number): ComparisonRow {
  const delta: Metrics = { leaked_bytes, leaked_count: 0, allocated_bytes: 0, allocated_count: 0, peak_bytes: 0 };
  return {
    status: "matched",
    frames: [{ function: name, address: 0, is_inline: false }],
    base: null,
    new: null,
    delta,
  };
}

const rows = [row("small", 1), row("shrunk", -50), row("same", 0), row("grown", 20)];
const names = (filter: Partial<Parameters<typeof selectRows>[1]>) =>
  selectRows(rows, { metric: "leaked_bytes", unchanged: false, search: "", ...filter }).map(
    (r) => r.frames[0]?.function,
  );

describe("the rows of a comparison", () => {
  it("stand by the size of the change, whichever its sign", () =>
    expect(names({})).toEqual(["shrunk", "grown", "small"]));
  it("show what did not change only when asked", () => expect(names({ unchanged: true })).toContain("same"));
  it("are found by any function of their stack", () => expect(names({ search: " SHR " })).toEqual(["shrunk"]));
});

describe("the bar of a change", () => {
  it("points right for more and left for less", () => {
    expect(bar(10, 10)).toEqual({ offset: 50, width: 50 });
    expect(bar(-5, 10)).toEqual({ offset: 25, width: 25 });
  });
  it("stays visible when tiny, and is absent for no change", () => {
    expect(bar(1, 1e9).width).toBe(0.5);
    expect(bar(0, 10).width).toBe(0);
  });
});
