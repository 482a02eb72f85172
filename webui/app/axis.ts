// Where a chart's axes put their marks, and how these are written.

/** Seconds: decades below a second, then the divisions of clocks and calendars. */
export const axisTimeSteps: number[] = [
  ...decades(-6, -1, [1, 2, 5]),
  ...[1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60),
  ...[1, 2, 4, 6, 12].map((hours) => hours * 3600),
  ...[1, 2, 5, 10, 20, 50, 100].map((days) => days * 86_400),
];

/** Round numbers of the unit in which they will be written. */
export function axisValueSteps(binary: boolean): number[] {
  return binary ? Array.from({ length: 60 }, (_, power) => 2 ** power) : decades(0, 15, [1, 2, 5]);
}

/** Marks stand at round numbers: `64 MiB`, not `64.0 MiB`. */
export function axisValue(value: number, format: (value: number) => string): string {
  return format(value).replace(/\.0+(?!\d)/, "");
}

/** As short as the distance between two marks allows: `0`, `250 ms`, `5.4 s`, `2m 30s`, `1h 05m`. */
export function axisTime(seconds: number, step: number): string {
  if (Math.abs(seconds) < step / 1000) return "0";
  if (seconds < 60)
    return step < 0.1 && seconds < 1 ? `${trimmed(seconds * 1000, step * 1000)} ms` : `${trimmed(seconds, step)} s`;
  const whole = step >= 1 ? Math.round(seconds) : seconds;
  const parts = [
    [Math.floor(whole / 86_400), "d"],
    [Math.floor((whole % 86_400) / 3600), "h"],
    [Math.floor((whole % 3600) / 60), "m"],
  ] as const;
  const shown = parts.filter(([n]) => n > 0).map(([n, unit]) => `${n}${unit}`);
  const rest = whole % 60;
  if (step < 60 && (rest > step / 1000 || shown.length === 0)) shown.push(`${trimmed(rest, step)}s`);
  return shown.slice(-3).join(" ");
}

function trimmed(value: number, step: number): string {
  return value.toFixed(Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)));
}

function decades(from: number, to: number, digits: number[]): number[] {
  const powers = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  return powers.flatMap((power) => digits.map((digit) => Number(`${digit}e${power}`)));
}
