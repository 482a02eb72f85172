// A profile's backtraces, page after page.

import { useEffect, useState } from "preact/hooks";
import { asProblem, type Problem } from "./api/request";
import { getGroups, type Order } from "./api/service";
import type { Group, GroupMetric } from "./api/types";
import { useResource } from "./resource";

const PAGE = 50;

export interface GroupPages {
  groups: Group[];
  total: number;
  loading: boolean;
  problem: Problem | null;
  reload: () => void;
  /** Absent on the last page. */
  more: (() => void) | null;
}

export function useGroupPages(id: string, at: number | null, sort: GroupMetric, order: Order): GroupPages {
  const key = `${id} ${at} ${sort} ${order}`;
  const query = { at, sort, order, limit: PAGE };
  const first = useResource(key, (signal) => getGroups(id, query, signal));
  const [later, setLater] = useState<{ key: string; groups: Group[]; next: string | null } | null>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);

  useEffect(() => setLater(null), [first.data]);

  // A page of another order may arrive late: it must not be mixed in.
  const rest = later?.key === key ? later : null;
  const next = rest ? rest.next : (first.data?.next ?? null);
  const more = async (cursor: string) => {
    setBusy(true);
    setProblem(null);
    try {
      const page = await getGroups(id, { ...query, cursor });
      setLater({ key, groups: [...(rest?.groups ?? []), ...page.groups], next: page.next });
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  const groups = [...(first.data?.groups ?? []), ...(rest?.groups ?? [])];
  return {
    // The answer before may have been about the whole run: it says nothing of a moment.
    groups: groups.filter((group) => at === null || group.alive_bytes !== undefined),
    total: first.data?.total ?? 0,
    loading: first.loading || busy,
    problem: first.problem ?? problem,
    reload: first.reload,
    more: next !== null && !first.loading && !busy ? () => void more(next) : null,
  };
}
