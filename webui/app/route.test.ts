import { describe, expect, it } from "vitest";
import { comparison, formatRoute, parseRoute, profileHome, type Route } from "./route";

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

  it("of Bytehound 0.11 still works", () => {
    expect(parseRoute("#/overview/00ff")).toEqual(profileHome("00ff"));
    expect(parseRoute("#/console/00ff")).toEqual({ screen: "console", id: "00ff" });
  });

  it("with nonsense in it falls back to the first look", () => {
    expect(parseRoute("#/profile/p_a?from=9&to=3&sort=drop&curve=x&order=up")).toEqual(profileHome("p_a"));
    expect(parseRoute("#/profile/%E0%A4%A")).toEqual(profileHome("%E0%A4%A"));
    expect(parseRoute("#/nowhere")).toEqual({ screen: "unknown", path: "nowhere" });
    expect(parseRoute("")).toEqual({ screen: "profiles" });
  });
});
