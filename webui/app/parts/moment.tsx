// The moment that is looked at: a slider beneath the chart, and what it means for the table.

import { useState } from "preact/hooks";
import type { Span } from "../api/service";
import { adjust, goTo } from "../navigation";
import { exactDuration } from "../quantity";
import { atMoment, wholeRun, type ProfileRoute } from "../route";
import { momentStep, momentText } from "../timeline";

interface SliderProps {
  moment: number | null;
  span: Span;
  /** While it is being moved. */
  onMove: (at_us: number) => void;
  /** Where it was let go. */
  onChoose: (at_us: number) => void;
  onLeave: () => void;
}

/** What a click on the chart does, for the keyboard and for fingers. Escape returns to the whole run. */
export function MomentSlider({ moment, span, onMove, onChoose, onLeave }: SliderProps) {
  const leaveOnEscape = (event: KeyboardEvent) => event.key === "Escape" && onLeave();
  return (
    <input
      type="range"
      class={moment === null ? "moment-slider unset" : "moment-slider"}
      aria-label="Moment"
      aria-valuetext={moment === null ? "the whole run" : momentText(moment, span)}
      title="What was alive at a moment (← →, Escape)"
      min={span.from}
      max={span.to}
      step={momentStep(span)}
      value={moment ?? span.from}
      onInput={(event) => onMove(event.currentTarget.valueAsNumber)}
      onChange={(event) => onChoose(event.currentTarget.valueAsNumber)}
      onKeyDown={leaveOnEscape}
    />
  );
}

/** The moment as shown, which while the slider moves is ahead of the address. */
export function useMoment(route: ProfileRoute) {
  const [moved, setMoved] = useState<number | null>(null);
  return {
    moment: moved ?? route.at,
    move: setMoved,
    choose: (at_us: number) => {
      setMoved(null);
      chooseMoment(route, Math.round(at_us));
    },
    leave: () => {
      setMoved(null);
      if (route.at !== null) goTo(wholeRun(route));
    },
  };
}

/** The first moment is a step of its own; moving on from there is not. */
function chooseMoment(route: ProfileRoute, at_us: number): void {
  (route.at === null ? goTo : adjust)(atMoment(route, at_us));
}

export function AliveNote({ route, at, span }: { route: ProfileRoute; at: number; span: Span }) {
  return (
    <p class="alive-note" data-testid="alive-note" role="status">
      <span title={`${exactDuration(at)} after the start`}>
        alive at <strong>{momentText(at, span)}</strong>
      </span>
      <button type="button" class="quiet" onClick={() => goTo(wholeRun(route))}>
        Whole run
      </button>
    </p>
  );
}
