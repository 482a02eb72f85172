// A curve over the program's running time. Drag to look closer, click for a moment; the keyboard can do all of it too.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { Span } from "../api/service";
import { axisTime, axisTimeSteps, axisValue, axisValueSteps } from "../axis";
import { duration } from "../quantity";
import { momentText, type CurveShape } from "../timeline";

const HEIGHT = 280;
/** Pixels that the pointer must move for a click to become a drag. */
const DRAG = 5;

interface ChartProps {
  t_us: number[];
  shape: CurveShape;
  span: Span;
  peakAt: number | null;
  moment: number | null;
  onZoom: (span: Span) => void;
  onMoment: (at_us: number) => void;
  onReset: () => void;
}

export function Chart(props: ChartProps) {
  const canvas = useRef<HTMLDivElement>(null);
  const readout = useRef<HTMLOutputElement>(null);
  const plotted = useRef<uPlot | null>(null);
  const { t_us, shape, span, peakAt, moment } = props;
  const handlers = useRef(props);
  handlers.current = props;

  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const draw = () => {
      plotted.current?.destroy();
      const options = plotOptions(element.clientWidth, shape, span, peakAt, {
        onZoom: (chosen) => handlers.current.onZoom(chosen),
        onMoment: (at_us) => handlers.current.onMoment(at_us),
        onReset: () => handlers.current.onReset(),
        onPoint: (text) => readout.current && (readout.current.textContent = text),
        onDraw: (plot) => placeMoment(plot, handlers.current.moment, handlers.current.span),
      });
      plotted.current = new uPlot(options, plotData(t_us, shape, span), element);
    };
    draw();
    const resizing = new ResizeObserver(() => plotted.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    resizing.observe(element);
    // The canvas is painted with the colours of the scheme, so it has to be painted again.
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    return () => {
      scheme.removeEventListener("change", draw);
      resizing.disconnect();
      plotted.current?.destroy();
      plotted.current = null;
    };
  }, [t_us, shape, span.from, span.to, peakAt]);

  useEffect(() => void (plotted.current && placeMoment(plotted.current, moment, span)), [moment]);

  return (
    <figure class="chart" data-testid="chart">
      <figcaption>
        <span class="chart-title">{shape.title}</span>
        {shape.lines.length > 1 && <ChartKey names={shape.lines.map(({ label }) => label)} />}
        <output class="readout" ref={readout} aria-hidden="true" />
      </figcaption>
      <div class="chart-canvas" ref={canvas} role="img" aria-label={describe(shape, span)} />
    </figure>
  );
}

function ChartKey({ names }: { names: string[] }) {
  return (
    <span class="chart-key">
      {names.map((name, i) => (
        <span key={name} class={`key-${i}`}>
          {name}
        </span>
      ))}
    </span>
  );
}

/** What a reader who can't see the curve should know first. */
function describe(shape: CurveShape, span: Span): string {
  const values = shape.lines[0]?.values ?? [];
  if (values.length === 0) return `${shape.title}: nothing was recorded.`;
  const highest = values.reduce((a, b) => Math.max(a, b), 0);
  const [first, last] = [values[0] ?? 0, values.at(-1) ?? 0];
  const time = `from ${duration(span.from)} to ${duration(span.to)}`;
  return `${shape.title} ${time}: starts at ${shape.format(first)}, ends at ${shape.format(last)}, at most ${shape.format(highest)}. The same numbers stand in the table below.`;
}

interface PlotEvents {
  onZoom: (span: Span) => void;
  onMoment: (at_us: number) => void;
  onReset: () => void;
  onPoint: (text: string) => void;
  onDraw: (plot: uPlot) => void;
}

/** Each value holds until the next, the last one until the end. */
function plotData(t_us: number[], shape: CurveShape, span: Span): uPlot.AlignedData {
  const end = Math.max(span.to, t_us.at(-1) ?? 0) / 1e6;
  const columns = shape.lines.map(({ values }) => [...values, values.at(-1) ?? null]);
  return [[...t_us.map((t) => t / 1e6), end], ...columns] as uPlot.AlignedData;
}

function plotOptions(
  width: number,
  shape: CurveShape,
  span: Span,
  peakAt: number | null,
  events: PlotEvents,
): uPlot.Options {
  const colours = readColours();
  const stepped = uPlot.paths.stepped?.({ align: 1 });
  const axis = {
    stroke: colours.text,
    font: colours.font,
    grid: { stroke: colours.grid, width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    padding: [12, 8, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: false, range: () => [span.from / 1e6, span.to / 1e6] },
      y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.06 : 1] },
    },
    axes: [
      {
        ...axis,
        size: 30,
        incrs: axisTimeSteps,
        space: 90,
        values: (_plot, splits, _i, _space, step) => splits.map((s) => axisTime(s, step)),
      },
      {
        ...axis,
        size: 84,
        incrs: axisValueSteps(shape.binary),
        values: (_plot, splits) => splits.map((split) => axisValue(split, shape.format)),
      },
    ],
    series: [
      {},
      ...shape.lines.map(({ label }, i): uPlot.Series => ({
        label,
        stroke: colours.lines[i] ?? colours.text,
        width: 1.5,
        points: { show: false },
        ...(i === 0 ? { fill: colours.fill } : {}),
        ...(stepped ? { paths: stepped } : {}),
      })),
    ],
    cursor: {
      y: false,
      drag: {
        x: true,
        y: false,
        setScale: false,
        dist: DRAG,
        click: (plot, event) => plot.select.width >= DRAG && event.stopImmediatePropagation(),
      },
      points: { size: 8, width: 2, fill: colours.surface },
      bind: { dblclick: () => () => (events.onReset(), null) },
    },
    hooks: {
      ready: [(plot) => plot.over.addEventListener("click", (event) => clickMoment(plot, event, span, events))],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < DRAG) return;
          events.onZoom({ from: plot.posToVal(left, "x") * 1e6, to: plot.posToVal(left + width, "x") * 1e6 });
        },
      ],
      setCursor: [(plot) => events.onPoint(pointText(plot, shape))],
      draw: [(plot) => peakAt !== null && markPeak(plot, peakAt, colours), events.onDraw],
    },
  };
}

function pointText(plot: uPlot, shape: CurveShape): string {
  const at = plot.cursor.idx;
  const t = at === null || at === undefined ? undefined : plot.data[0][at];
  if (at === null || at === undefined || t === undefined) return "";
  const values = shape.lines.map(({ label }, i) => `${label} ${shape.format(plot.data[i + 1]?.[at] ?? 0)}`);
  return `${duration(t * 1e6)}   ${values.join("   ")}`;
}

/** The second click of a double one is none of its own. */
function clickMoment(plot: uPlot, event: MouseEvent, span: Span, { onMoment }: PlotEvents): void {
  if (event.detail > 1) return;
  const at_us = plot.posToVal(event.clientX - plot.over.getBoundingClientRect().left, "x") * 1e6;
  onMoment(Math.round(Math.min(Math.max(at_us, span.from), span.to)));
}

/** The line and its time lie over the plot as an element: moving it paints nothing anew. */
function placeMoment(plot: uPlot, moment: number | null, span: Span): void {
  const line = plot.over.querySelector<HTMLElement>(".chart-moment") ?? plot.over.appendChild(momentLine());
  line.hidden = moment === null || moment < span.from || moment > span.to;
  if (moment === null || line.hidden) return;
  const left = plot.valToPos(moment / 1e6, "x");
  line.style.left = `${left}px`;
  line.classList.toggle("leftward", left > plot.over.clientWidth - 90);
  line.textContent = momentText(moment, span);
}

function momentLine(): HTMLElement {
  const line = document.createElement("div");
  line.className = "chart-moment";
  line.dataset["testid"] = "chart-moment";
  return line;
}

function markPeak(plot: uPlot, peakAt: number, colours: Colours): void {
  const x = Math.round(plot.valToPos(peakAt / 1e6, "x", true));
  const { left, top, width, height } = plot.bbox;
  if (x < left || x > left + width) return;
  const { ctx } = plot;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colours.peak;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(x, top);
  ctx.lineTo(x, top + height);
  ctx.stroke();
  const roomy = x < left + width - 60 * devicePixelRatio;
  ctx.font = scaleFont(colours.font);
  ctx.textAlign = roomy ? "left" : "right";
  ctx.textBaseline = "top";
  ctx.fillText("peak", x + (roomy ? 6 : -6) * devicePixelRatio, top);
  ctx.restore();
}

interface Colours {
  lines: string[];
  fill: string;
  grid: string;
  text: string;
  peak: string;
  surface: string;
  font: string;
}

function readColours(): Colours {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string) => style.getPropertyValue(name).trim();
  return {
    lines: [of("--curve"), of("--curve-2")],
    fill: of("--curve-fill"),
    grid: of("--line-soft"),
    text: of("--ink-3"),
    peak: of("--more"),
    surface: of("--surface"),
    font: `12px ${of("--sans")}`,
  };
}

function scaleFont(font: string): string {
  return font.replace("12px", `${12 * devicePixelRatio}px`);
}
