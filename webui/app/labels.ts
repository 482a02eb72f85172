// Labels: `key=value` pairs by which runs are told apart and found again.

import type { Profile, ProfileInfo } from "./api/types";

export interface ParsedLabels {
  labels: Array<readonly [string, string]>;
  /** The first part that is no label, to be quoted back. */
  rejected: string | null;
}

/** `suite=parse, branch=main`; a value may hold further equals signs. */
export function parseLabels(text: string): ParsedLabels {
  const labels: Array<readonly [string, string]> = [];
  for (const part of text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean)) {
    const at = part.indexOf("=");
    if (at < 1) return { labels: [], rejected: part };
    labels.push([part.slice(0, at).trim(), part.slice(at + 1).trim()]);
  }
  return { labels, rejected: null };
}

export function sortedLabels(labels: Record<string, string>): Array<[string, string]> {
  return Object.entries(labels).sort(([a], [b]) => a.localeCompare(b, "en"));
}

/** The program's own name where it is known, else the file's. */
export function profileTitle(profile: Profile): string {
  const executable = profile.info?.executable.split("/").at(-1);
  return executable || profile.name || profile.id;
}

/** When it was captured, or else taken in: milliseconds since 1970. */
export function profileTime(profile: Profile): number {
  return profile.info ? profile.info.start_us / 1000 : profile.created_at_ms;
}

/** Every word must be found somewhere in what the list shows of a profile. */
export function matches(profile: Profile, search: string): boolean {
  const labels = sortedLabels(profile.labels).map(([key, value]) => `${key}=${value}`);
  const shown = [
    profileTitle(profile),
    profile.name,
    profile.id,
    profile.state,
    ...(profile.info?.cmdline ?? []),
    ...labels,
  ];
  const haystack = shown.join("\n").toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => haystack.includes(word));
}

/** Moments of a profile are µs since 1970; small ones were already counted from its start. */
export function sinceStart(info: ProfileInfo, at_us: number): number {
  return at_us >= info.start_us ? at_us - info.start_us : at_us;
}
