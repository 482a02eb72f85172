// Numbers as people read them. Every one of these has its exact form for the tooltip.

const MINUS = "\u2212";
const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const COUNT_UNITS = ["", "k", "M", "G", "T"];
const GROUPED = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** Three significant digits: `0 B`, `980 B`, `1.21 MiB`, `98.3 GiB`. */
export function bytes(value: number): string {
  const [scaled, unit] = scale(Math.abs(value), 1024, BYTE_UNITS);
  const digits = unit === "B" ? String(Math.round(scaled)) : threeDigits(scaled);
  return `${sign(value)}${digits} ${unit}`;
}

export function exactBytes(value: number): string {
  return `${exactCount(value)} ${Math.abs(value) === 1 ? "byte" : "bytes"}`;
}

/** Exact up to a million, then three significant digits: `48,213`, `1.21 M`. */
export function count(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude < 1e6) return `${sign(value)}${GROUPED.format(magnitude)}`;
  const [scaled, unit] = scale(magnitude, 1000, COUNT_UNITS);
  return `${sign(value)}${threeDigits(scaled)} ${unit}`;
}

export function exactCount(value: number): string {
  return `${sign(value)}${GROUPED.format(Math.abs(value))}`;
}

/** A change carries its sign; none is `±0`, in no unit. */
export function signed(value: number, format: (value: number) => string): string {
  if (value === 0) return "\u00b10";
  return value > 0 ? `+${format(value)}` : format(value);
}

/** The change relative to `base`; there is no percentage of nothing. */
export function percentChange(base: number, delta: number): string {
  if (delta === 0) return "0 %";
  if (base === 0) return "new";
  const percent = (delta / base) * 100;
  const digits = Math.abs(percent) >= 1000 ? GROUPED.format(Math.abs(percent)) : threeDigits(Math.abs(percent));
  return `${percent > 0 ? "+" : MINUS}${digits} %`;
}

export function share(part: number, whole: number): string {
  if (whole === 0) return "–";
  const percent = (part / whole) * 100;
  return percent > 0 && percent < 0.1 ? "< 0.1 %" : `${percent >= 99.95 ? "100" : percent.toFixed(1)} %`;
}

const DURATION_STEPS: ReadonlyArray<readonly [string, number]> = [
  ["d", 86_400e6],
  ["h", 3_600e6],
  ["m", 60e6],
];

/** The two leading units: `3d 4h`, `2m 05s`, `12.3 s`, `371 ms`, `12 µs`. */
export function duration(us: number): string {
  const magnitude = Math.abs(Math.round(us));
  const text = magnitude >= 60e6 ? longDuration(magnitude) : shortDuration(magnitude);
  return `${sign(us)}${text}`;
}

export function exactDuration(us: number): string {
  return `${exactCount(us)} µs`;
}

/** Local wall time, in the order in which it sorts: `2026-03-14 15:09:26`. */
export function wallTime(ms: number): string {
  const date = new Date(ms);
  const two = (n: number) => String(n).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function longDuration(us: number): string {
  const seconds = Math.round(us / 1e6) * 1e6;
  const index = DURATION_STEPS.findIndex(([, step]) => seconds >= step);
  const [unit, step] = DURATION_STEPS[index] ?? ["m", 60e6];
  const [nextUnit, nextStep] = DURATION_STEPS[index + 1] ?? ["s", 1e6];
  const rest = Math.floor((seconds % step) / nextStep);
  return `${Math.floor(seconds / step)}${unit} ${String(rest).padStart(2, "0")}${nextUnit}`;
}

function shortDuration(us: number): string {
  if (us >= 999_500) return `${threeDigits(us / 1e6)} s`;
  if (us >= 1000) return `${threeDigits(us / 1000)} ms`;
  return `${us} µs`;
}

/** Steps up as soon as rounding would show four digits before the point. */
function scale(value: number, factor: number, units: readonly string[]): [number, string] {
  let scaled = value;
  let unit = 0;
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= factor;
    unit += 1;
  }
  return [scaled, units[unit] ?? ""];
}

function threeDigits(value: number): string {
  if (value >= 99.95) return GROUPED.format(value);
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

function sign(value: number): string {
  return value < 0 ? MINUS : "";
}
