import { describe, expect, it } from "vitest";
import { isWhole, momentStep, momentText, pan, perSecond, tableRows, zoom } from "./timeline";

const whole = { from: 0, to: 1000 };

describe("moving about", () => {
  it("zooms around the middle and stops at the ends", () => {
    expect(zoom({ from: 200, to: 600 }, 0.5, whole)).toEqual({ from: 300, to: 500 });
    expect(zoom({ from: 0, to: 600 }, 2, whole)).toEqual({ from: 0, to: 900 });
    expect(isWhole(zoom({ from: 0, to: 900 }, 2, whole), whole)).toBe(true);
  });

  it("never zooms into nothing", () => {
    const { from, to } = zoom({ from: 500, to: 500 }, 0.5, whole);
    expect(to).toBeGreaterThan(from);
  });

  it("pans without changing the width", () => {
    expect(pan({ from: 100, to: 300 }, 0.5, whole)).toEqual({ from: 200, to: 400 });
    expect(pan({ from: 100, to: 300 }, -5, whole)).toEqual({ from: 0, to: 200 });
    expect(pan({ from: 700, to: 900 }, 5, whole)).toEqual({ from: 800, to: 1000 });
  });
});

describe("rates", () => {
  it("divide each bucket by the time to the next, and the last by what is left", () => {
    expect(perSecond([0, 1_000_000, 3_000_000], [10, 10, 10], 3_500_000)).toEqual([10, 5, 5]);
    expect(perSecond([0, 1_000_000], [10, 10], 5_000_000)).toEqual([10, 2.5]);
  });

  it("are finite for a single bucket", () => expect(perSecond([0], [3], 0)[0]).toBe(3_000_000));
});

describe("the curve as a table", () => {
  it("keeps the peak however few rows there are", () => {
    const values = Array.from({ length: 100 }, (_, i) => (i === 57 ? 999 : i));
    const rows = tableRows(
      values.map((_, i) => i * 10),
      [{ label: "x", values }],
      7,
    );
    expect(rows.length).toBeLessThanOrEqual(7);
    expect(Math.max(...rows.map((row) => row.values[0] ?? 0))).toBe(999);
    expect(rows[0]?.t_us).toBe(0);
  });

  it("is empty for an empty timeline", () => expect(tableRows([], [{ label: "x", values: [] }], 7)).toEqual([]));
});

describe("a moment", () => {
  it("is written as exactly as the chart can show it", () => {
    expect(momentText(1_234_567, { from: 0, to: 10_000_000 })).toBe("1.23 s");
    expect(momentText(1_234_567, { from: 1_000_000, to: 2_000_000 })).toBe("1.235 s");
    expect(momentText(1_234_567, { from: 1_234_500, to: 1_234_600 })).toBe("1.234567 s");
    expect(momentText(0, { from: 0, to: 10_000_000 })).toBe("0");
    expect(momentText(83_000_000, { from: 0, to: 7_200_000_000 })).toBe("1m 23s");
  });

  it("moves by thousandths of what is visible, and by a µs at least", () => {
    expect(momentStep({ from: 0, to: 10_000_000 })).toBe(10_000);
    expect(momentStep({ from: 5, to: 25 })).toBe(1);
  });
});
