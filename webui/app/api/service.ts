// One function for each route that the application uses. Paths are relative to the page.

import { requestJson } from "./request";
import type { Comparison, GroupMetric, GroupPage, Profile, ScriptResult, Timeline } from "./types";

export async function listProfiles(signal?: AbortSignal): Promise<Profile[]> {
  const answer = await requestJson<{ profiles: Profile[] }>("v1/profiles", withSignal(signal));
  return answer.profiles;
}

export function getProfile(id: string, signal?: AbortSignal): Promise<Profile> {
  return requestJson<Profile>(profilePath(id), withSignal(signal));
}

export function deleteProfile(id: string): Promise<void> {
  return requestJson<void>(profilePath(id), { method: "DELETE" });
}

export interface Span {
  from: number;
  to: number;
}

export async function getTimeline(
  id: string,
  span: Span | null,
  points: number,
  signal?: AbortSignal,
): Promise<Timeline> {
  const query = new URLSearchParams({ points: String(points) });
  if (span) {
    query.set("from_us", String(Math.floor(span.from)));
    query.set("to_us", String(Math.ceil(span.to)));
  }
  const answer = await requestJson<{ data: Timeline }>(`${profilePath(id)}/timeline?${query}`, withSignal(signal));
  return answer.data;
}

export type Order = "asc" | "desc";

export interface GroupQuery {
  /** Only what was alive then, in µs after the start. */
  at: number | null;
  sort: GroupMetric;
  order: Order;
  limit: number;
  cursor?: string;
}

export async function getGroups(id: string, query: GroupQuery, signal?: AbortSignal): Promise<GroupPage> {
  const parameters = new URLSearchParams({ sort: query.sort, order: query.order, limit: String(query.limit) });
  if (query.at !== null) parameters.set("at_us", String(query.at));
  if (query.cursor !== undefined) parameters.set("cursor", query.cursor);
  // The page's position stands beside the data or inside it.
  const answer = await requestJson<{ data: Partial<GroupPage> } & Partial<GroupPage>>(
    `${profilePath(id)}/groups?${parameters}`,
    withSignal(signal),
  );
  const page = { ...answer, ...answer.data };
  const groups = page.groups ?? [];
  return { groups, total: page.total ?? groups.length, next: page.next ?? null };
}

export function runScript(profile: string, source: string, signal?: AbortSignal): Promise<ScriptResult> {
  return requestJson<ScriptResult>(`script?${new URLSearchParams({ profile })}`, {
    method: "POST",
    headers: { "content-type": "text/plain; charset=utf-8" },
    body: source,
    ...withSignal(signal),
  });
}

export async function compare(base: string[], other: string[], signal?: AbortSignal): Promise<Comparison> {
  const answer = await requestJson<{ data: Comparison & { total?: number }; total?: number }>("v1/comparisons", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ base: { profiles: base }, new: { profiles: other } }),
    ...withSignal(signal),
  });
  return { ...answer.data, total: answer.data.total ?? answer.total ?? answer.data.rows.length };
}

export function profilePath(id: string): string {
  return `v1/profiles/${encodeURIComponent(id)}`;
}

function withSignal(signal: AbortSignal | undefined): RequestInit {
  return signal ? { signal } : {};
}
