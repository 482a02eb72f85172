// The chart of a profile with its controls, and the same numbers as a table.

import { useMemo, useRef } from "preact/hooks";
import { getTimeline, type Span } from "../api/service";
import type { ProfileInfo, Timeline } from "../api/types";
import { sinceStart } from "../labels";
import { adjust, goTo } from "../navigation";
import { duration } from "../quantity";
import { useResource } from "../resource";
import { CURVES, type ProfileRoute } from "../route";
import { clampSpan, CURVE_NAMES, curveShape, isWhole, pan, tableRows, zoom, type CurveShape } from "../timeline";
import { Chart } from "./chart";
import { Segments } from "./choices";
import { MomentSlider, useMoment } from "./moment";
import { ProblemNotice, Waiting } from "./notice";

/** A bucket for every other pixel of the widest chart: each one keeps its peak, so none is lost. */
const POINTS = 600;
const TABLE_ROWS = 24;

export function TimelineCard({ route, info }: { route: ProfileRoute; info: ProfileInfo }) {
  const whole = useMemo(() => ({ from: 0, to: Math.max(info.runtime_us, 1) }), [info.runtime_us]);
  const span = route.span ? clampSpan(route.span, whole) : whole;
  const key = `${route.id} ${span.from} ${span.to}`;
  const { data, problem, reload } = useResource(key, (signal) =>
    getTimeline(route.id, route.span ? span : null, POINTS, signal),
  );
  const shape = useMemo(() => data && curveShape(data, route.curve, span.to), [data, route.curve]);
  const { moment, move, choose, leave } = useMoment(route);
  const beforeClick = useRef(route);
  const look = (next: Span) => goTo({ ...route, span: isWhole(next, whole) ? null : clampSpan(next, whole) });
  return (
    <section class="card" aria-labelledby="timeline-title" onKeyDown={(event) => chartKey(event, span, whole, look)}>
      <div class="card-head">
        <h2 id="timeline-title">Over time</h2>
        <Segments
          legend="Curve"
          name="curve"
          options={CURVES.map((curve) => [curve, CURVE_NAMES[curve]] as const)}
          value={route.curve}
          onChange={(curve) => adjust({ ...route, curve })}
        />
        <ZoomControls span={span} whole={whole} look={look} />
      </div>
      {problem && <ProblemNotice problem={problem} retry={reload} />}
      {!data && !problem && <Waiting what="Drawing the curve" />}
      {data && shape && (
        <>
          <Chart
            t_us={data.t_us}
            shape={shape}
            span={span}
            peakAt={route.curve === "memory" ? sinceStart(info, info.peak_at_us) : null}
            moment={moment}
            onZoom={look}
            onMoment={(at_us) => {
              beforeClick.current = route;
              choose(at_us);
            }}
            // A double click began as a click: the moment that it chose is taken back.
            onReset={() => {
              const { at, sort, order } = beforeClick.current;
              adjust({ ...route, span: null, at, sort, order });
            }}
          />
          <MomentSlider moment={moment} span={span} onMove={move} onChoose={choose} onLeave={leave} />
          <CurveTable timeline={data} shape={shape} />
        </>
      )}
    </section>
  );
}

interface ZoomProps {
  span: Span;
  whole: Span;
  look: (span: Span) => void;
}

function ZoomControls({ span, whole, look }: ZoomProps) {
  const complete = isWhole(span, whole);
  return (
    <div class="zoom" role="group" aria-label="Visible time">
      <span class="zoom-span">
        {complete
          ? "Drag to look closer, click for what was alive then"
          : `${duration(span.from)} to ${duration(span.to)}`}
      </span>
      <button
        type="button"
        class="icon"
        aria-label="Earlier"
        title="Earlier (←)"
        disabled={span.from <= whole.from}
        onClick={() => look(pan(span, -0.5, whole))}
      >
        ←
      </button>
      <button
        type="button"
        class="icon"
        aria-label="Later"
        title="Later (→)"
        disabled={span.to >= whole.to}
        onClick={() => look(pan(span, 0.5, whole))}
      >
        →
      </button>
      <button
        type="button"
        class="icon"
        aria-label="Closer"
        title="Closer (+)"
        onClick={() => look(zoom(span, 0.5, whole))}
      >
        +
      </button>
      <button
        type="button"
        class="icon"
        aria-label="Wider"
        title="Wider (−)"
        disabled={complete}
        onClick={() => look(zoom(span, 2, whole))}
      >
        −
      </button>
      <button type="button" disabled={complete} title="Everything (0)" onClick={() => look(whole)}>
        Everything
      </button>
    </div>
  );
}

/** Only on the zoom buttons: the arrow keys belong to the radio buttons beside them. */
function chartKey(event: KeyboardEvent, span: Span, whole: Span, look: (span: Span) => void): void {
  if (!(event.target instanceof Element) || !event.target.closest(".zoom")) return;
  const next = {
    ArrowLeft: () => pan(span, -0.5, whole),
    ArrowRight: () => pan(span, 0.5, whole),
    "+": () => zoom(span, 0.5, whole),
    "-": () => zoom(span, 2, whole),
    "0": () => whole,
  }[event.key];
  if (!next) return;
  event.preventDefault();
  look(next());
}

function CurveTable({ timeline, shape }: { timeline: Timeline; shape: CurveShape }) {
  return (
    <details class="curve-table">
      <summary>As a table</summary>
      <table>
        <caption class="visually-hidden">{shape.title}, the highest value of each stretch of time</caption>
        <thead>
          <tr>
            <th scope="col" class="number">
              From
            </th>
            {shape.lines.map(({ label }) => (
              <th key={label} scope="col" class="number">
                {label}, at most
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {tableRows(timeline.t_us, shape.lines, TABLE_ROWS).map(({ t_us, values }) => (
            <tr key={t_us}>
              <th scope="row" class="number">
                {duration(t_us)}
              </th>
              {values.map((value, i) => (
                <td key={i} class="number" title={shape.exact(value)}>
                  {shape.format(value)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
