// Two sides of runs: what grew, what shrank, and which stacks are to blame. Δ is always new minus base.

import { useEffect, useState } from "preact/hooks";
import { compare, listProfiles } from "../api/service";
import type { Comparison, Metric } from "../api/types";
import { exactMetric, formatMetric, METRIC_NAMES } from "../delta";
import { adjust } from "../navigation";
import { Change } from "../parts/figure";
import { MoverCard } from "../parts/mover-table";
import { Empty, ProblemNotice, Waiting } from "../parts/notice";
import { SidePicker } from "../parts/side-picker";
import { percentChange } from "../quantity";
import { useResource } from "../resource";
import { METRICS, type CompareRoute } from "../route";

export function ComparisonScreen({ route }: { route: CompareRoute }) {
  const { base, other } = route;
  const profiles = useResource("profiles", listProfiles);
  const complete = base.length > 0 && other.length > 0;
  const key = complete ? `${base.join(",")} ${other.join(",")}` : null;
  const { data, problem, loading, reload } = useResource(key, (signal) => compare(base, other, signal));
  const [full, setFull] = useState(false);
  useEffect(() => void (document.title = "Comparison · Bytehound"), []);
  const ready = (profiles.data ?? []).filter(({ state }) => state === "ready");
  return (
    <>
      <div class="title-row">
        <h1 tabIndex={-1}>Comparison</h1>
      </div>
      {profiles.problem && <ProblemNotice problem={profiles.problem} retry={profiles.reload} />}
      <div class="sides">
        <SidePicker title="Base" chosen={base} profiles={ready} onChange={(ids) => adjust({ ...route, base: ids })} />
        <button
          type="button"
          class="swap"
          aria-label="Swap base and new"
          title="Swap base and new"
          onClick={() => adjust({ ...route, base: other, other: base })}
        >
          ⇄
        </button>
        <SidePicker title="New" chosen={other} profiles={ready} onChange={(ids) => adjust({ ...route, other: ids })} />
      </div>
      {!complete && (
        <Empty title="Choose what to compare">
          <p>The base is what you start from, new is what came after. A change with a plus means that new uses more.</p>
        </Empty>
      )}
      {complete && problem && <ProblemNotice problem={problem} retry={reload} />}
      {complete && loading && <Waiting what="Matching the stacks of both sides" />}
      {complete && data && !problem && (
        <div class={loading ? "stale" : undefined} aria-busy={loading}>
          <Totals comparison={data} runs={base.length + other.length} />
          <MoverCard comparison={data} route={route} full={full} onFull={setFull} />
        </div>
      )}
    </>
  );
}

function Totals({ comparison, runs }: { comparison: Comparison; runs: number }) {
  return (
    <section class="card" aria-labelledby="totals-title">
      <div class="card-head">
        <h2 id="totals-title">Totals</h2>
        {runs === 2 && <p class="card-note">One run a side: a difference, not a test of it.</p>}
      </div>
      <div class="table-scroll">
        <table class="totals">
          <thead>
            <tr>
              <th scope="col">Measure</th>
              <SideHead title="Base" label={comparison.base.label} />
              <SideHead title="New" label={comparison.new.label} />
              <th scope="col" class="number">
                Change
              </th>
              <th scope="col" class="number">
                Relative
              </th>
            </tr>
          </thead>
          <tbody>
            {METRICS.map((metric) => (
              <TotalRow key={metric} metric={metric} comparison={comparison} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function SideHead({ title, label }: { title: string; label: string }) {
  return (
    <th scope="col" class="number">
      {title}
      <bdi class="beneath">{label}</bdi>
    </th>
  );
}

function TotalRow({ metric, comparison }: { metric: Metric; comparison: Comparison }) {
  const format = formatMetric(metric);
  const exact = exactMetric(metric);
  const [base, other, delta] = [
    comparison.base.totals[metric],
    comparison.new.totals[metric],
    comparison.delta[metric],
  ];
  return (
    <tr>
      <th scope="row">{METRIC_NAMES[metric]}</th>
      <td class="number" title={exact(base)}>
        {format(base)}
      </td>
      <td class="number" title={exact(other)}>
        {format(other)}
      </td>
      <td class="number strong">
        <Change value={delta} format={format} exact={exact} />
      </td>
      <td class="number">{percentChange(base, delta)}</td>
    </tr>
  );
}
