// The curves of a timeline, and moving about in it.

import type { Timeline } from "./api/types";
import type { Span } from "./api/service";
import { axisTime } from "./axis";
import { bytes, count, exactBytes, exactCount } from "./quantity";
import type { Curve } from "./route";

export interface Line {
  label: string;
  values: number[];
}

export interface CurveShape {
  title: string;
  lines: Line[];
  format: (value: number) => string;
  exact: (value: number) => string;
  /** Bytes are divided by powers of two, the rest by powers of ten. */
  binary: boolean;
}

export const CURVE_NAMES: Record<Curve, string> = {
  memory: "Memory",
  live: "Live allocations",
  rate: "Allocation rate",
};

export function curveShape(timeline: Timeline, curve: Curve, end_us: number): CurveShape {
  switch (curve) {
    case "memory":
      return {
        title: "Memory in use",
        lines: [{ label: "In use", values: timeline.live_bytes }],
        format: bytes,
        exact: exactBytes,
        binary: true,
      };
    case "live":
      return {
        title: "Live allocations",
        lines: [{ label: "Live", values: timeline.live_count }],
        format: count,
        exact: exactCount,
        binary: false,
      };
    case "rate":
      return {
        title: "Allocations a second",
        lines: [
          { label: "Allocated", values: perSecond(timeline.t_us, timeline.allocations, end_us) },
          { label: "Freed", values: perSecond(timeline.t_us, timeline.deallocations, end_us) },
        ],
        format: (value) => `${count(Math.round(value))}/s`,
        exact: (value) => `${exactCount(Math.round(value))} a second`,
        binary: false,
      };
  }
}

/** Events of each bucket over the time until the next one. */
export function perSecond(t_us: number[], events: number[], end_us: number): number[] {
  return events.map((n, i) => {
    const start = t_us[i] ?? 0;
    const next = t_us[i + 1] ?? Math.max(end_us, start + lastWidth(t_us));
    return (n * 1e6) / Math.max(next - start, 1);
  });
}

/** Shrinks or widens around the middle (factor 0.5: twice as near), within the whole. */
export function zoom(span: Span, factor: number, whole: Span): Span {
  const middle = (span.from + span.to) / 2;
  const half = Math.max(((span.to - span.from) / 2) * factor, 5);
  return clampSpan({ from: middle - half, to: middle + half }, whole);
}

/** Moves by a part of the visible width, stopping at the ends. */
export function pan(span: Span, part: number, whole: Span): Span {
  const width = span.to - span.from;
  const from = Math.min(Math.max(span.from + part * width, whole.from), Math.max(whole.to - width, whole.from));
  return { from, to: from + width };
}

export function clampSpan(span: Span, whole: Span): Span {
  return { from: Math.max(span.from, whole.from), to: Math.min(span.to, whole.to) };
}

export function isWhole(span: Span, whole: Span): boolean {
  return span.from <= whole.from && span.to >= whole.to;
}

/** At most `rows` buckets, each the largest of those it stands for: the curve as a table. */
export function tableRows(t_us: number[], lines: Line[], rows: number): Array<{ t_us: number; values: number[] }> {
  const width = Math.max(Math.ceil(t_us.length / rows), 1);
  const starts = t_us.map((_, i) => i).filter((i) => i % width === 0);
  return starts.map((start) => ({
    t_us: t_us[start] ?? 0,
    values: lines.map(({ values }) => Math.max(...values.slice(start, start + width))),
  }));
}

/** A moment, as exactly as a chart of this width can show it: `1.234 s`. */
export function momentText(at_us: number, span: Span): string {
  const step = 10 ** Math.floor(Math.log10(Math.max(span.to - span.from, 1) / 1e9));
  return axisTime(at_us / 1e6, Math.max(step, 1e-6));
}

/** Distance of two positions of the slider: a thousandth of what is visible. */
export function momentStep(span: Span): number {
  return Math.max(Math.round((span.to - span.from) / 1000), 1);
}

function lastWidth(t_us: number[]): number {
  return t_us.length > 1 ? (t_us.at(-1) ?? 0) - (t_us.at(-2) ?? 0) : 1;
}
