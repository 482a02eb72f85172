import { describe, expect, it } from "vitest";
import { bytes, count, duration, exactBytes, percentChange, share, signed, wallTime } from "./quantity";

describe("bytes", () => {
  it.each([
    [0, "0 B"],
    [1, "1 B"],
    [999, "999 B"],
    [1000, "0.98 KiB"],
    [1024, "1.00 KiB"],
    [1536, "1.50 KiB"],
    [10 * 1024 * 1024, "10.0 MiB"],
    [1023 * 1024, "1.00 MiB"],
    [123.4 * 1024 ** 3, "123 GiB"],
    [-2048, "\u22122.00 KiB"],
    [5000 * 1024 ** 5, "5,000 PiB"],
  ])("shows %d with three significant digits", (value, expected) => expect(bytes(value)).toBe(expected));

  it("keeps every digit in the exact form", () => {
    expect(exactBytes(12345678)).toBe("12,345,678 bytes");
    expect(exactBytes(1)).toBe("1 byte");
  });
});

describe("count", () => {
  it.each([
    [0, "0"],
    [999_999, "999,999"],
    [1_000_000, "1.00 M"],
    [26_400_000, "26.4 M"],
    [-12_345, "\u221212,345"],
  ])("shows %d", (value, expected) => expect(count(value)).toBe(expected));
});

describe("duration", () => {
  it.each([
    [0, "0 µs"],
    [12, "12 µs"],
    [371_000, "371 ms"],
    [999_600, "1.00 s"],
    [12_345_678, "12.3 s"],
    [59_999_999, "60.0 s"],
    [60e6, "1m 00s"],
    [125e6, "2m 05s"],
    [3_599.7e6, "1h 00m"],
    [3_700e6, "1h 01m"],
    [90_000e6, "1d 01h"],
  ])("shows %d µs with its two leading units", (value, expected) => expect(duration(value)).toBe(expected));
});

describe("changes", () => {
  it("a growth has a plus, a shrink a minus, and none neither", () => {
    expect(signed(2048, bytes)).toBe("+2.00 KiB");
    expect(signed(-2048, bytes)).toBe("\u22122.00 KiB");
    expect(signed(0, bytes)).toBe("\u00b10");
  });

  it("are relative to the base, and new where there was none", () => {
    expect(percentChange(200, 50)).toBe("+25.0 %");
    expect(percentChange(200, -200)).toBe("\u2212100 %");
    expect(percentChange(0, 50)).toBe("new");
    expect(percentChange(0, 0)).toBe("0 %");
  });
});

describe("share", () => {
  it("never rounds something down to nothing", () => {
    expect(share(1, 1_000_000)).toBe("< 0.1 %");
    expect(share(0, 10)).toBe("0.0 %");
    expect(share(10, 10)).toBe("100 %");
    expect(share(1, 0)).toBe("–");
  });
});

describe("wallTime", () => {
  it("is the local time, most significant first", () => {
    expect(wallTime(new Date(2026, 2, 4, 5, 6, 7).getTime())).toBe("2026-03-04 05:06:07");
  });
});
