// The list of profiles, kept up to date while some of them are being taken in.

import { useEffect, useState } from "preact/hooks";
import { listProfiles } from "./api/service";
import type { Profile } from "./api/types";
import { isSettled, WATCHED_AT_ONCE, watchProfile } from "./api/watch";
import { profileTime, profileTitle } from "./labels";
import { useResource, type Resource } from "./resource";

/** How often the whole list is asked for while more profiles are on their way than are watched. */
const POLL_MS = 3000;

export interface ProfileList extends Resource<Profile[]> {
  /** The latest thing that happened, for readers of the screen. */
  announcement: string;
}

export function useProfileList(): ProfileList {
  const resource = useResource("profiles", listProfiles);
  const [updates, setUpdates] = useState<ReadonlyMap<string, Profile>>(new Map());
  const [announcement, setAnnouncement] = useState("");

  useEffect(() => setUpdates(new Map()), [resource.data]);
  const profiles = resource.data?.map((profile) => updates.get(profile.id) ?? profile).toSorted(newestFirst) ?? null;
  const pending = (profiles ?? []).filter(({ state }) => !isSettled(state)).map(({ id }) => id);
  const watched = pending.toSorted().slice(0, WATCHED_AT_ONCE).join(" ");

  useEffect(() => {
    const receive = (profile: Profile) => {
      setUpdates((all) => new Map(all).set(profile.id, profile));
      if (isSettled(profile.state)) setAnnouncement(`${profileTitle(profile)} is ${profile.state}`);
    };
    const stops = watched
      .split(" ")
      .filter(Boolean)
      .map((id) => watchProfile(id, receive));
    return () => stops.forEach((stop) => stop());
  }, [watched]);

  const crowded = pending.length > WATCHED_AT_ONCE;
  useEffect(() => {
    if (!crowded) return;
    const timer = setInterval(resource.reload, POLL_MS);
    return () => clearInterval(timer);
  }, [crowded]);

  return { ...resource, data: profiles, announcement };
}

function newestFirst(a: Profile, b: Profile): number {
  return profileTime(b) - profileTime(a) || a.id.localeCompare(b.id);
}
