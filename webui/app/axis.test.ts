import { describe, expect, it } from "vitest";
import { axisTime, axisTimeSteps, axisValue, axisValueSteps } from "./axis";
import { bytes, count } from "./quantity";

describe("a mark on the axis of time", () => {
  it.each([
    [0, 5, "0"],
    [0.25, 0.05, "250 ms"],
    [0.0005, 0.0005, "0.5 ms"],
    [5.4, 0.2, "5.4 s"],
    [30, 30, "30 s"],
    [60, 30, "1m"],
    [150, 30, "2m 30s"],
    [125.4, 0.2, "2m 5.4s"],
    [3600, 600, "1h"],
    [5400, 600, "1h 30m"],
    [90_000, 3600, "1d 1h"],
  ])("at %d s, every %d s, reads %s", (seconds, step, expected) => expect(axisTime(seconds, step)).toBe(expected));
});

it("a round number has no digits behind the point", () => {
  expect(axisValue(64 * 2 ** 20, bytes)).toBe("64 MiB");
  expect(axisValue(1.5 * 2 ** 20, bytes)).toBe("1.50 MiB");
  expect(axisValue(2e6, count)).toBe("2 M");
  expect(axisValue(10_000, count)).toBe("10,000");
});

describe("the steps", () => {
  it.each([
    ["time", axisTimeSteps],
    ["bytes", axisValueSteps(true)],
    ["counts", axisValueSteps(false)],
  ])("of %s only ever grow", (_, steps) => {
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
    expect(new Set(steps).size).toBe(steps.length);
  });
});
