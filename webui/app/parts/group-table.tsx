// The backtraces of a profile, largest first by whichever measure, each one opening to its stack.

import { useState } from "preact/hooks";
import type { Group, GroupMetric, ProfileInfo } from "../api/types";
import { GROUP_METRIC_NAMES } from "../delta";
import { useGroupPages } from "../group-pages";
import { sinceStart } from "../labels";
import { adjust } from "../navigation";
import { count, duration, exactCount } from "../quantity";
import { groupMetrics, type ProfileRoute } from "../route";
import { SortHeader } from "./choices";
import { Bytes, Count } from "./figure";
import { AliveNote } from "./moment";
import { Empty, ProblemNotice, Waiting } from "./notice";
import { Chevron, StackFrames, StackHeadline } from "./stack-view";

const EXPLAINED: Record<GroupMetric, string> = {
  leaked_bytes: "Bytes that were never freed",
  leaked_count: "Blocks that were never freed",
  allocated_bytes: "All bytes ever asked for",
  allocated_count: "How often memory was asked for",
  peak_bytes: "Bytes in use when the whole program used the most",
  alive_bytes: "Bytes in use at the chosen moment",
  alive_count: "Blocks in use at the chosen moment",
};

export function GroupCard({ route, info }: { route: ProfileRoute; info: ProfileInfo }) {
  const { sort, order, full } = route;
  const at = route.at === null ? null : Math.min(route.at, info.runtime_us);
  const pages = useGroupPages(route.id, at, sort, order);
  const metrics = groupMetrics(at);
  const sortBy = (metric: GroupMetric) =>
    adjust({ ...route, sort: metric, order: metric === sort && order === "desc" ? "asc" : "desc" });
  const largest = pages.groups.reduce((most, group) => Math.max(most, group[sort] ?? 0), 0);
  return (
    <section class="card" aria-labelledby="groups-title" aria-busy={pages.loading}>
      <div class="card-head">
        <h2 id="groups-title">Backtraces</h2>
        {at !== null && <AliveNote route={route} at={at} span={route.span ?? { from: 0, to: info.runtime_us }} />}
        <p class="card-note">
          {pages.groups.length > 0 && `${exactCount(pages.groups.length)} of ${exactCount(pages.total)}`}
        </p>
        <label class="toggle">
          <input type="checkbox" checked={full} onChange={() => adjust({ ...route, full: !full })} />
          Full stacks
        </label>
      </div>
      {pages.problem && <ProblemNotice problem={pages.problem} retry={pages.reload} />}
      {pages.groups.length === 0 && pages.loading && <Waiting what="Sorting the backtraces" />}
      {pages.groups.length === 0 && !pages.loading && !pages.problem && (
        <Empty title="No backtraces">
          <p>{at === null ? "The program asked for no memory while it was watched." : "Nothing was alive then."}</p>
        </Empty>
      )}
      {pages.groups.length > 0 && (
        <div class="table-scroll">
          <table class="groups">
            <thead>
              <tr>
                <th scope="col">Allocated in</th>
                {metrics.map((metric) => (
                  <SortHeader
                    key={metric}
                    title={GROUP_METRIC_NAMES[metric]}
                    explain={EXPLAINED[metric]}
                    active={metric === sort}
                    order={order}
                    onSort={() => sortBy(metric)}
                  />
                ))}
                <th scope="col" class="life-head" title="From its first allocation to its last">
                  Active
                </th>
              </tr>
            </thead>
            {pages.groups.map((group) => (
              <GroupRows
                key={group.backtrace_id}
                group={group}
                info={info}
                metrics={metrics}
                sort={sort}
                largest={largest}
                full={full}
              />
            ))}
          </table>
        </div>
      )}
      {pages.more && (
        <button type="button" class="more-rows" onClick={pages.more}>
          Show more
        </button>
      )}
    </section>
  );
}

interface RowProps {
  group: Group;
  info: ProfileInfo;
  metrics: readonly GroupMetric[];
  sort: GroupMetric;
  largest: number;
  full: boolean;
}

function GroupRows({ group, info, metrics, sort, largest, full }: RowProps) {
  const [open, setOpen] = useState(false);
  const panel = `stack-${group.backtrace_id}`;
  return (
    <tbody class={open ? "open" : undefined}>
      <tr data-testid="group-row" data-backtrace={group.backtrace_id}>
        <th scope="row">
          <button
            type="button"
            class="row-opener"
            aria-expanded={open}
            aria-controls={panel}
            onClick={() => setOpen(!open)}
          >
            <Chevron />
            <StackHeadline stack={group} />
          </button>
        </th>
        {metrics.map((metric) => (
          <td key={metric} class={metric === sort ? "number strong" : "number"}>
            <Value metric={metric} value={group[metric] ?? 0} />
            {metric === sort && largest > 0 && <Meter part={(group[metric] ?? 0) / largest} />}
          </td>
        ))}
        <td>
          <Lifeline group={group} info={info} />
        </td>
      </tr>
      {open && (
        <tr class="stack-row" id={panel}>
          <td colSpan={metrics.length + 2}>
            <StackFrames stack={group} full={full} />
          </td>
        </tr>
      )}
    </tbody>
  );
}

function Value({ metric, value }: { metric: GroupMetric; value: number }) {
  return metric.endsWith("_bytes") ? <Bytes value={value} /> : <Count value={value} />;
}

/** How a row compares with the largest of the sorted column; the number beside it says the same. */
function Meter({ part }: { part: number }) {
  return (
    <span class="meter" aria-hidden="true">
      <span style={{ width: `${Math.min(part * 100, 100)}%` }} />
    </span>
  );
}

/** When, within the program's run, this stack was at work. */
function Lifeline({ group, info }: { group: Group; info: ProfileInfo }) {
  const runtime = Math.max(info.runtime_us, 1);
  const first = sinceStart(info, group.first_us);
  const last = sinceStart(info, group.last_us);
  const text = `${duration(first)} to ${duration(last)}, ${count(group.allocated_count)} allocations`;
  return (
    <span class="lifeline" role="img" aria-label={text} title={text}>
      <span
        style={{ left: `${(first / runtime) * 100}%`, width: `${Math.max(((last - first) / runtime) * 100, 2)}%` }}
      />
    </span>
  );
}
