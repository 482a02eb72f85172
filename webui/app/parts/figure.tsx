// A number to read, with its exact value in the tooltip.

import { bytes, count, duration, exactBytes, exactCount, exactDuration, signed, wallTime } from "../quantity";

interface FigureProps {
  value: number;
}

export function Bytes({ value }: FigureProps) {
  return <Figure value={value} text={bytes(value)} exact={exactBytes(value)} />;
}

export function Count({ value }: FigureProps) {
  return <Figure value={value} text={count(value)} exact={exactCount(value)} />;
}

export function Duration({ value }: FigureProps) {
  return <Figure value={value} text={duration(value)} exact={exactDuration(value)} />;
}

export function Instant({ ms }: { ms: number }) {
  const iso = new Date(ms).toISOString();
  return (
    <time class="figure" dateTime={iso} title={iso}>
      {wallTime(ms)}
    </time>
  );
}

interface ChangeProps extends FigureProps {
  format: (value: number) => string;
  exact: (value: number) => string;
}

/** More is a warning, less is none: the sign says it too, so colour is never alone. */
export function Change({ value, format, exact }: ChangeProps) {
  const tone = value > 0 ? "more" : value < 0 ? "less" : "same";
  return (
    <data class={`figure change ${tone}`} value={value} title={signed(value, exact)}>
      {signed(value, format)}
    </data>
  );
}

function Figure({ value, text, exact }: FigureProps & { text: string; exact: string }) {
  return (
    <data class={value === 0 ? "figure zero" : "figure"} value={value} title={exact}>
      {text}
    </data>
  );
}
