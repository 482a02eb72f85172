// The rows of a comparison: what changed, how much, in which order.

import type { ComparisonRow, GroupMetric, Metric, RowStatus } from "./api/types";
import { bytes, count, exactBytes, exactCount } from "./quantity";
import { frameName } from "./stack";

export const METRIC_NAMES: Record<Metric, string> = {
  leaked_bytes: "Leaked",
  leaked_count: "Leaked blocks",
  allocated_bytes: "Allocated",
  allocated_count: "Allocations",
  peak_bytes: "At peak",
};

export const GROUP_METRIC_NAMES: Record<GroupMetric, string> = {
  ...METRIC_NAMES,
  alive_bytes: "Alive",
  alive_count: "Blocks alive",
};

export const STATUS_NAMES: Record<RowStatus, string> = {
  matched: "in both",
  only_base: "only in base",
  only_new: "only in new",
};

export function isBytes(metric: Metric): boolean {
  return metric.endsWith("_bytes");
}

export function formatMetric(metric: Metric): (value: number) => string {
  return isBytes(metric) ? bytes : count;
}

export function exactMetric(metric: Metric): (value: number) => string {
  return isBytes(metric) ? exactBytes : exactCount;
}

export interface RowFilter {
  metric: Metric;
  unchanged: boolean;
  search: string;
}

/** Largest change first, whichever its sign. Rows that tie keep the service's order. */
export function selectRows(rows: ComparisonRow[], { metric, unchanged, search }: RowFilter): ComparisonRow[] {
  const wanted = search.trim().toLowerCase();
  return rows
    .filter((row) => unchanged || row.delta[metric] !== 0)
    .filter((row) => wanted === "" || row.frames.some((frame) => frameName(frame).toLowerCase().includes(wanted)))
    .toSorted((a, b) => Math.abs(b.delta[metric]) - Math.abs(a.delta[metric]));
}

/** A bar from the middle: parts of the half width, to the right for more. */
export function bar(delta: number, largest: number): { offset: number; width: number } {
  if (largest === 0 || delta === 0) return { offset: 50, width: 0 };
  const width = Math.max((Math.abs(delta) / largest) * 50, 0.5);
  return { offset: delta > 0 ? 50 : 50 - width, width };
}
