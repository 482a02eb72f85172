// The stacks of a comparison, the largest change first.

import { useState } from "preact/hooks";
import type { Comparison, ComparisonRow, Metric } from "../api/types";
import { bar, exactMetric, formatMetric, METRIC_NAMES, selectRows, STATUS_NAMES } from "../delta";
import { adjust } from "../navigation";
import { exactCount, percentChange } from "../quantity";
import { METRICS, type CompareRoute } from "../route";
import { Segments } from "./choices";
import { Change } from "./figure";
import { Chevron, StackFrames, StackHeadline } from "./stack-view";

const PAGE = 50;

interface MoverProps {
  comparison: Comparison;
  route: CompareRoute;
  full: boolean;
  onFull: (full: boolean) => void;
}

export function MoverCard({ comparison, route, full, onFull }: MoverProps) {
  const [search, setSearch] = useState("");
  const [unchanged, setUnchanged] = useState(false);
  const [visible, setVisible] = useState(PAGE);
  const { metric } = route;
  const rows = selectRows(comparison.rows, { metric, unchanged, search });
  const largest = rows.reduce((most, row) => Math.max(most, Math.abs(row.delta[metric])), 0);
  return (
    <section class="card" aria-labelledby="movers-title">
      <div class="card-head">
        <h2 id="movers-title">Stacks</h2>
        <Segments
          legend="Measure"
          name="metric"
          options={METRICS.map((name) => [name, METRIC_NAMES[name]] as const)}
          value={metric}
          onChange={(name) => adjust({ ...route, metric: name })}
        />
        <input
          type="search"
          class="search"
          placeholder="Find a function"
          aria-label="Find a function"
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
        <label class="toggle">
          <input type="checkbox" checked={unchanged} onChange={() => setUnchanged(!unchanged)} />
          Unchanged too
        </label>
        <label class="toggle">
          <input type="checkbox" checked={full} onChange={() => onFull(!full)} />
          Full stacks
        </label>
      </div>
      <p class="card-note" role="status">
        {summary(rows.length, comparison)}
      </p>
      {rows.length > 0 && (
        <div class="table-scroll">
          <table class="movers">
            <thead>
              <tr>
                <th scope="col">Allocated in</th>
                <th scope="col" class="number">
                  Base
                </th>
                <th scope="col" class="number">
                  New
                </th>
                <th scope="col" class="number">
                  Change
                </th>
                <th scope="col" class="number">
                  Relative
                </th>
                <th scope="col">
                  <span class="visually-hidden">Change as a bar</span>
                </th>
              </tr>
            </thead>
            {rows.slice(0, visible).map((row) => (
              <MoverRows key={comparison.rows.indexOf(row)} row={row} metric={metric} largest={largest} full={full} />
            ))}
          </table>
        </div>
      )}
      {rows.length > visible && (
        <button type="button" class="more-rows" onClick={() => setVisible(visible + PAGE)}>
          Show more
        </button>
      )}
    </section>
  );
}

function summary(shown: number, { rows, total }: Comparison): string {
  const sent = total > rows.length ? ` (the ${exactCount(rows.length)} largest of ${exactCount(total)} were sent)` : "";
  return shown === 0
    ? `Nothing changed by this measure${sent}.`
    : `${exactCount(shown)} of ${exactCount(rows.length)} stacks${sent}`;
}

interface RowProps {
  row: ComparisonRow;
  metric: Metric;
  largest: number;
  full: boolean;
}

function MoverRows({ row, metric, largest, full }: RowProps) {
  const [open, setOpen] = useState(false);
  const format = formatMetric(metric);
  const exact = exactMetric(metric);
  const delta = row.delta[metric];
  return (
    <tbody class={open ? "open" : undefined}>
      <tr data-testid="compare-row" data-status={row.status}>
        <th scope="row">
          <button type="button" class="row-opener" aria-expanded={open} onClick={() => setOpen(!open)}>
            <Chevron />
            <StackHeadline stack={row} />
            {row.status !== "matched" && <span class={`status ${row.status}`}>{STATUS_NAMES[row.status]}</span>}
          </button>
        </th>
        {[row.base, row.new].map((side, i) => (
          <td key={i} class="number" title={side ? exact(side[metric]) : "this stack is not on this side"}>
            {side ? format(side[metric]) : "–"}
          </td>
        ))}
        <td class="number strong">
          <Change value={delta} format={format} exact={exact} />
        </td>
        <td class="number">{percentChange(row.base?.[metric] ?? 0, delta)}</td>
        <td>
          <ChangeBar delta={delta} largest={largest} />
        </td>
      </tr>
      {open && (
        <tr class="stack-row">
          <td colSpan={6}>
            <StackFrames stack={row} full={full} />
          </td>
        </tr>
      )}
    </tbody>
  );
}

function ChangeBar({ delta, largest }: { delta: number; largest: number }) {
  const { offset, width } = bar(delta, largest);
  return (
    <span class="change-bar" aria-hidden="true">
      <span class={delta > 0 ? "more" : "less"} style={{ left: `${offset}%`, width: `${width}%` }} />
    </span>
  );
}
