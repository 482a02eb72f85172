import { describe, expect, it } from "vitest";
import { atMoment, comparison, formatRoute, parseRoute, profileHome, wholeRun, type Route } from "./route";

describe("an address", () => {
  it.each<Route>([
    { screen: "profiles" },
    profileHome("p_abc"),
    {
      ...profileHome("p/odd id?"),
      curve: "rate",
      span: { from: 10, to: 2000 },
      sort: "peak_bytes",
      order: "asc",
      full: true,
    },
    atMoment(profileHome("p_abc"), 0),
    { ...atMoment(profileHome("p_abc"), 1_234_567), span: { from: 10, to: 2000 }, sort: "leaked_bytes", order: "asc" },
    { screen: "console", id: null },
    { screen: "console", id: "p_abc" },
    comparison(["p_a", "p_b"], ["p_c"]),
    { ...comparison([], []), metric: "allocated_count" },
  ])("leads back to where it was made: %j", (route) => {
    expect(parseRoute(formatRoute(route))).toEqual(route);
  });

  it("is short for a screen as first seen", () => {
    expect(formatRoute(profileHome("p_abc"))).toBe("#/profile/p_abc");
  });

  it("is short for a moment as first seen", () => {
    expect(formatRoute(atMoment(profileHome("p_abc"), 1_234_567))).toBe("#/profile/p_abc?at=1234567");
  });

  it("of Bytehound 0.11 still works", () => {
    expect(parseRoute("#/overview/00ff")).toEqual(profileHome("00ff"));
    expect(parseRoute("#/console/00ff")).toEqual({ screen: "console", id: "00ff" });
  });

  it("with nonsense in it falls back to the first look", () => {
    expect(parseRoute("#/profile/p_a?from=9&to=3&sort=drop&curve=x&order=up")).toEqual(profileHome("p_a"));
    expect(parseRoute("#/profile/p_a?at=soon&sort=alive_bytes")).toEqual(profileHome("p_a"));
    expect(parseRoute("#/profile/p_a?at=")).toEqual(profileHome("p_a"));
    expect(parseRoute("#/profile/p_a?at=1.5")).toEqual(profileHome("p_a"));
    expect(parseRoute("#/profile/p_a?at=-1")).toEqual(profileHome("p_a"));
    expect(parseRoute("#/profile/p_a?at=7&sort=leaked_count")).toEqual(atMoment(profileHome("p_a"), 7));
    expect(parseRoute("#/profile/%E0%A4%A")).toEqual(profileHome("%E0%A4%A"));
    expect(parseRoute("#/nowhere")).toEqual({ screen: "unknown", path: "nowhere" });
    expect(parseRoute("")).toEqual({ screen: "profiles" });
  });
});

describe("a moment", () => {
  it("shows what was alive first, and keeps the order chosen there when it moves", () => {
    const entered = atMoment({ ...profileHome("p_a"), sort: "peak_bytes", order: "asc" }, 5);
    expect(entered).toMatchObject({ at: 5, sort: "alive_bytes", order: "desc" });
    expect(atMoment({ ...entered, sort: "alive_count" }, 6)).toMatchObject({ at: 6, sort: "alive_count" });
  });

  it("is left for the whole run as first seen, zoom and curve staying", () => {
    const zoomed = { ...profileHome("p_a"), span: { from: 1, to: 9 }, curve: "live" as const };
    expect(wholeRun(atMoment(zoomed, 5))).toEqual(zoomed);
  });
});
