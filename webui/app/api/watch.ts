// The life of profiles that are still being taken in, through server-sent events.

import { eventData, textOf } from "./event-stream";
import { isAbort, reach } from "./request";
import { profilePath } from "./service";
import type { Profile, ProfileState } from "./types";

/** A browser allows six connections to one HTTP/1.1 host; some must stay free for questions. */
export const WATCHED_AT_ONCE = 3;

export function isSettled(state: ProfileState): boolean {
  return state === "ready" || state === "failed";
}

/** How long to wait before a stream that broke is asked for again. */
const PAUSE_MS = 2000;

/** Calls back on every change until the profile is ready or failed. Returns the way to stop early. */
export function watchProfile(id: string, onChange: (profile: Profile) => void): () => void {
  const controller = new AbortController();
  void follow(id, onChange, controller.signal);
  return () => controller.abort();
}

async function follow(id: string, onChange: (profile: Profile) => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const response = await reach(`${profilePath(id)}/events`, { headers: { accept: "text/event-stream" }, signal });
      // What was refused once is refused again.
      if (!response.ok || !response.body) return;
      for await (const data of eventData(textOf(response.body))) {
        const profile = JSON.parse(data) as Profile;
        onChange(profile);
        if (isSettled(profile.state)) return;
      }
    } catch (error) {
      if (isAbort(error)) return;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
