// Where in the application the reader is. All of it stands in the address, so that a link shows the same again.

import type { GroupMetric, Metric } from "./api/types";
import type { Order, Span } from "./api/service";

export const METRICS: readonly Metric[] = [
  "leaked_bytes",
  "leaked_count",
  "allocated_bytes",
  "allocated_count",
  "peak_bytes",
];
/** What the backtraces of one moment can be sorted by. */
export const MOMENT_METRICS: readonly GroupMetric[] = [
  "alive_bytes",
  "alive_count",
  "leaked_bytes",
  "allocated_bytes",
  "peak_bytes",
];
export const CURVES = ["memory", "live", "rate"] as const;
export type Curve = (typeof CURVES)[number];

export interface ProfileRoute {
  screen: "profile";
  id: string;
  curve: Curve;
  span: Span | null;
  /** The moment whose living memory is looked at, in µs after the start. */
  at: number | null;
  sort: GroupMetric;
  order: Order;
  full: boolean;
}

export interface CompareRoute {
  screen: "compare";
  base: string[];
  other: string[];
  metric: Metric;
}

export type Route =
  | { screen: "profiles" }
  | ProfileRoute
  | { screen: "console"; id: string | null }
  | CompareRoute
  | { screen: "unknown"; path: string };

export function parseRoute(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#?\/?/, "").split("?");
  const query = new URLSearchParams(search);
  const [screen, id] = path.split("/").map(decode);
  switch (screen) {
    case "":
      return { screen: "profiles" };
    // Links of Bytehound 0.11 lead to the same place.
    case "overview":
    case "profile":
      return id ? profileRoute(id, query) : { screen: "profiles" };
    case "console":
      return { screen: "console", id: id || null };
    case "compare":
      return {
        screen: "compare",
        base: ids(query, "base"),
        other: ids(query, "new"),
        metric: oneOf(METRICS, query.get("metric")),
      };
    default:
      return { screen: "unknown", path };
  }
}

export function formatRoute(route: Route): string {
  switch (route.screen) {
    case "profiles":
      return "#/";
    case "profile":
      return `#/profile/${encodeURIComponent(route.id)}${profileQuery(route)}`;
    case "console":
      return route.id ? `#/console/${encodeURIComponent(route.id)}` : "#/console";
    case "compare":
      return `#/compare${compareQuery(route)}`;
    case "unknown":
      return `#/${route.path}`;
  }
}

export function profileHome(id: string): ProfileRoute {
  const look = { curve: "memory", span: null, at: null, sort: "leaked_bytes", order: "desc", full: false } as const;
  return { screen: "profile", id, ...look };
}

/** The same place at a moment: what was alive comes first, unless another order was chosen at a moment before. */
export function atMoment(route: ProfileRoute, at: number): ProfileRoute {
  return route.at === null ? { ...route, at, sort: "alive_bytes", order: "desc" } : { ...route, at };
}

/** The same place without a moment. */
export function wholeRun(route: ProfileRoute): ProfileRoute {
  return { ...route, at: null, sort: "leaked_bytes", order: "desc" };
}

export function groupMetrics(at: number | null): readonly GroupMetric[] {
  return at === null ? METRICS : MOMENT_METRICS;
}

export function comparison(base: string[], other: string[]): CompareRoute {
  return { screen: "compare", base, other, metric: "leaked_bytes" };
}

function profileRoute(id: string, query: URLSearchParams): ProfileRoute {
  const from = Number(query.get("from") ?? NaN);
  const to = Number(query.get("to") ?? NaN);
  const moment = Number(query.get("at") || NaN);
  const at = moment >= 0 && Number.isSafeInteger(moment) ? moment : null;
  return {
    screen: "profile",
    id,
    curve: oneOf(CURVES, query.get("curve")),
    span: from >= 0 && to > from ? { from, to } : null,
    at,
    sort: oneOf(groupMetrics(at), query.get("sort")),
    order: query.get("order") === "asc" ? "asc" : "desc",
    full: query.has("full"),
  };
}

/** What differs from the screen's first look, and nothing else: short links. */
function profileQuery({ curve, span, at, sort, order, full }: ProfileRoute): string {
  const query = new URLSearchParams();
  if (curve !== "memory") query.set("curve", curve);
  if (span) query.set("from", String(Math.floor(span.from)));
  if (span) query.set("to", String(Math.ceil(span.to)));
  if (at !== null) query.set("at", String(at));
  if (sort !== groupMetrics(at)[0]) query.set("sort", sort);
  if (order !== "desc") query.set("order", order);
  if (full) query.set("full", "");
  return query.size > 0 ? `?${query}` : "";
}

function compareQuery({ base, other, metric }: CompareRoute): string {
  const query = new URLSearchParams();
  if (base.length > 0) query.set("base", base.join(","));
  if (other.length > 0) query.set("new", other.join(","));
  if (metric !== "leaked_bytes") query.set("metric", metric);
  return query.size > 0 ? `?${query}` : "";
}

function ids(query: URLSearchParams, name: string): string[] {
  return (query.get(name) ?? "").split(",").filter(Boolean);
}

function oneOf<T extends string>(known: readonly [T, ...T[]] | readonly T[], value: string | null): T {
  return known.find((name) => name === value) ?? (known[0] as T);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
