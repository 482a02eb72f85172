// How far the service is with a profile.

import type { Profile, ProfileState } from "../api/types";
import { bytes, count } from "../quantity";

const STATE_NAMES: Record<ProfileState, string> = {
  stored: "Waiting",
  loading: "Loading",
  symbolizing: "Symbolizing",
  indexing: "Indexing",
  ready: "Ready",
  failed: "Failed",
};

export function StateBadge({ state }: { state: ProfileState }) {
  return (
    <span class={`state ${state}`} data-testid="profile-state" data-state={state}>
      <span class="state-dot" aria-hidden="true" />
      {STATE_NAMES[state] ?? state}
    </span>
  );
}

/** The bar of a profile that is being taken in; before the first report it only says that it waits. */
export function IngestProgress({ profile }: { profile: Profile }) {
  const { progress } = profile;
  if (!progress) return <span class="ingest-text">waiting for its turn</span>;
  return (
    <span class="ingest">
      <ProgressBar done={progress.bytes} total={progress.bytes_total} label={`Progress of ${profile.name}`} />
      <span class="ingest-text">
        {`${bytes(progress.bytes)} of ${bytes(progress.bytes_total)}`}
        {progress.events > 0 && ` · ${count(progress.events)} events`}
      </span>
    </span>
  );
}

export function ProgressBar({ done, total, label }: { done: number; total: number; label: string }) {
  return total > 0 ? <progress value={done} max={total} aria-label={label} /> : <progress aria-label={label} />;
}
