// The life of profiles that are still being taken in, through server-sent events.

import { profilePath } from "./service";
import type { Profile, ProfileState } from "./types";

/** A browser allows six connections to one HTTP/1.1 host; some must stay free for questions. */
export const WATCHED_AT_ONCE = 3;

export function isSettled(state: ProfileState): boolean {
  return state === "ready" || state === "failed";
}

/** Calls back on every change until the profile is ready or failed. Returns the way to stop early. */
export function watchProfile(id: string, onChange: (profile: Profile) => void): () => void {
  const source = new EventSource(`${profilePath(id)}/events`);
  const receive = (event: Event) => {
    // The name `error` is shared with the connection's own trouble, which carries no data and heals by itself.
    if (!(event instanceof MessageEvent)) return;
    const profile = JSON.parse(String(event.data)) as Profile;
    onChange(profile);
    if (isSettled(profile.state)) source.close();
  };
  for (const name of ["progress", "done", "error"]) source.addEventListener(name, receive);
  return () => source.close();
}
