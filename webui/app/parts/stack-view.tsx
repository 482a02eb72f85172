// A call stack: one line that names it, and all of its frames when opened.

import { useState } from "preact/hooks";
import type { Frame, Stack } from "../api/types";
import { callers, frameName, frameSource, fullSource, headline, libraryName, stackText, visibleFrames } from "../stack";

export function StackHeadline({ stack }: { stack: Stack }) {
  const named = headline(stack);
  if (!named) return <span class="headline unknown">no stack was recorded</span>;
  const source = frameSource(named.frame);
  const from = callers(stack, 2).map(({ frame }) => frameName(frame));
  return (
    <span class="headline">
      <span class="headline-name">
        <bdi class="function">{frameName(named.frame)}</bdi>
        {source && <bdi class="source">{source}</bdi>}
      </span>
      {from.length > 0 && (
        <span class="headline-from">
          from{" "}
          {from.map((name, i) => (
            <>
              {i > 0 && <span aria-hidden="true"> ‹ </span>}
              <bdi>{name}</bdi>
            </>
          ))}
        </span>
      )}
    </span>
  );
}

/** Points down once the row that holds it is open. */
export function Chevron() {
  return (
    <svg class="chevron" viewBox="0 0 12 12" aria-hidden="true">
      <path d="M4 2l4 4-4 4" />
    </svg>
  );
}

export function StackFrames({ stack, full }: { stack: Stack; full: boolean }) {
  const frames = visibleFrames(stack, full);
  const named = headline(stack)?.index;
  const hidden = stack.frames.length - frames.length;
  return (
    <div class="stack">
      <ol class="frames">
        {frames.map(({ index, frame }) => (
          <FrameLine key={index} index={index} frame={frame} named={index === named} />
        ))}
      </ol>
      <p class="stack-foot">
        {hidden > 0 && (
          <span>
            {hidden === 1 ? "1 frame of the runtime is hidden" : `${hidden} frames of the runtime are hidden`}
          </span>
        )}
        <CopyButton text={stackText(stack, full)} />
      </p>
    </div>
  );
}

function FrameLine({ index, frame, named }: { index: number; frame: Frame; named: boolean }) {
  const library = libraryName(frame);
  const source = frameSource(frame);
  return (
    <li class={named ? "frame named" : "frame"}>
      <span class="frame-number">{String(index).padStart(2, "0")}</span>
      <bdi class="library" title={frame.library ?? undefined}>
        {library ?? "?"}
      </bdi>
      <span class="frame-text">
        <bdi class={frame.function ? "function" : "function unknown"} title={frame.raw_function ?? undefined}>
          {frameName(frame)}
        </bdi>
        {source && (
          <bdi class="source" title={fullSource(frame) ?? undefined}>
            {source}
          </bdi>
        )}
        {frame.is_inline && <span class="inline-mark">inlined</span>}
      </span>
    </li>
  );
}

function CopyButton({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  // Browsers offer the clipboard only to secure origins, localhost among them.
  if (!navigator.clipboard) return null;
  const copy = () => void navigator.clipboard.writeText(text).then(() => setCopied(true));
  return (
    <button type="button" class="quiet" onClick={copy} onBlur={() => setCopied(false)}>
      <span aria-live="polite">{copied ? "Copied" : "Copy as text"}</span>
    </button>
  );
}
