// What went wrong, and what a screen says when it has nothing to show.

import type { ComponentChildren } from "preact";
import type { Problem } from "../api/request";

export function ProblemNotice({ problem, retry }: { problem: Problem; retry?: () => void }) {
  return (
    <div class="notice bad" role="alert">
      <p>
        <strong>{problem.message}</strong>
        {problem.detail && <span class="notice-detail">{problem.detail}</span>}
      </p>
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Waiting({ what }: { what: string }) {
  return (
    <p class="waiting" role="status">
      <span class="pulse" aria-hidden="true" />
      {what}
    </p>
  );
}

export function Empty({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}
