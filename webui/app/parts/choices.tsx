// Small controls that several screens use.

import { useEffect, useState } from "preact/hooks";
import type { Order } from "../api/service";
import { sortedLabels } from "../labels";

interface SegmentsProps<T extends string> {
  legend: string;
  name: string;
  options: ReadonlyArray<readonly [T, string]>;
  value: T;
  onChange: (value: T) => void;
}

/** One of a few, all in sight: radio buttons underneath, so the arrow keys work. */
export function Segments<T extends string>({ legend, name, options, value, onChange }: SegmentsProps<T>) {
  return (
    <fieldset class="segments">
      <legend>{legend}</legend>
      {options.map(([key, text]) => (
        <label key={key}>
          <input type="radio" name={name} value={key} checked={key === value} onChange={() => onChange(key)} />
          <span>{text}</span>
        </label>
      ))}
    </fieldset>
  );
}

interface SortHeaderProps {
  title: string;
  active: boolean;
  order: Order;
  onSort: () => void;
  explain?: string;
}

export function SortHeader({ title, active, order, onSort, explain }: SortHeaderProps) {
  const direction = order === "desc" ? "descending" : "ascending";
  return (
    <th scope="col" class="number" aria-sort={active ? direction : "none"}>
      <button type="button" class="sort" title={explain} onClick={onSort}>
        {active && (
          <span class="sort-arrow" aria-hidden="true">
            {order === "desc" ? "↓" : "↑"}
          </span>
        )}
        {title}
      </button>
    </th>
  );
}

export function Labels({ labels }: { labels: Record<string, string> }) {
  const sorted = sortedLabels(labels);
  if (sorted.length === 0) return null;
  return (
    <ul class="labels" aria-label="Labels">
      {sorted.map(([key, value]) => (
        <li key={key}>
          <bdi class="label-key">{key}</bdi>
          <bdi>{value}</bdi>
        </li>
      ))}
    </ul>
  );
}

/** Asks once more in its own place; the second thought ends when the focus leaves. */
export function ConfirmButton({
  text,
  question,
  onConfirm,
}: {
  text: string;
  question: string;
  onConfirm: () => void;
}) {
  const [asking, setAsking] = useState(false);
  useEffect(() => {
    if (!asking) return;
    const timer = setTimeout(() => setAsking(false), 5000);
    return () => clearTimeout(timer);
  }, [asking]);
  return (
    <button
      type="button"
      class={asking ? "quiet danger" : "quiet"}
      onClick={() => (asking ? onConfirm() : setAsking(true))}
      onBlur={() => setAsking(false)}
    >
      {asking ? question : text}
    </button>
  );
}
