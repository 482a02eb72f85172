// All profiles: what state they are in, what they hold, and the way to look into one or compare two.

import { useEffect, useState } from "preact/hooks";
import { asProblem, type Problem } from "../api/request";
import { deleteProfile } from "../api/service";
import type { Profile, ProfileInfo } from "../api/types";
import { matches, profileTime, profileTitle } from "../labels";
import { goTo } from "../navigation";
import { ConfirmButton, Labels } from "../parts/choices";
import { Bytes, Count, Duration, Instant } from "../parts/figure";
import { Empty, ProblemNotice, Waiting } from "../parts/notice";
import { IngestProgress, StateBadge } from "../parts/profile-state";
import { UploadPanel } from "../parts/uploads";
import { useProfileList } from "../profile-list";
import { bytes, count } from "../quantity";
import { comparison, formatRoute, profileHome } from "../route";

export function ProfilesScreen() {
  const { data: profiles, problem, reload, announcement } = useProfileList();
  const [search, setSearch] = useState("");
  const [ticked, setTicked] = useState<string[]>([]);
  const [deletion, setDeletion] = useState<Problem | null>(null);
  useEffect(() => void (document.title = "Profiles · Bytehound"), []);

  const shown = profiles?.filter((profile) => matches(profile, search)) ?? [];
  const tick = (id: string) =>
    setTicked((all) => (all.includes(id) ? all.filter((other) => other !== id) : [...all, id]));
  const remove = (id: string) =>
    void deleteProfile(id)
      .then(() => setTicked((all) => all.filter((other) => other !== id)))
      .catch((error: unknown) => setDeletion(asProblem(error)))
      .finally(reload);

  return (
    <>
      <div class="title-row">
        <h1 tabIndex={-1}>Profiles</h1>
        {profiles && profiles.length > 0 && (
          <input
            type="search"
            class="search"
            placeholder="Find by program, label or state"
            aria-label="Find profiles"
            value={search}
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
        )}
      </div>
      <UploadPanel onUploaded={reload} />
      {problem && <ProblemNotice problem={problem} retry={reload} />}
      {deletion && <ProblemNotice problem={deletion} />}
      <p class="visually-hidden" role="status">
        {announcement}
      </p>
      {!profiles && !problem && <Waiting what="Asking for the profiles" />}
      {profiles?.length === 0 && <NoProfiles />}
      {shown.length > 0 && <ProfileTable profiles={shown} ticked={ticked} tick={tick} remove={remove} />}
      {profiles && profiles.length > 0 && shown.length === 0 && (
        <Empty title="No profile matches">{<p>Shorten what you look for.</p>}</Empty>
      )}
      {ticked.length > 0 && <CompareBar profiles={profiles ?? []} ticked={ticked} clear={() => setTicked([])} />}
    </>
  );
}

interface TableProps {
  profiles: Profile[];
  ticked: string[];
  tick: (id: string) => void;
  remove: (id: string) => void;
}

function ProfileTable({ profiles, ...rest }: TableProps) {
  return (
    <div class="table-frame">
      <table class="profiles">
        <thead>
          <tr>
            <th scope="col">
              <span class="visually-hidden">Compare</span>
            </th>
            <th scope="col">Program</th>
            <th scope="col">State</th>
            <th scope="col" class="number">
              Peak
            </th>
            <th scope="col" class="number">
              Leaked
            </th>
            <th scope="col" class="number">
              Allocated
            </th>
            <th scope="col" class="number">
              Runtime
            </th>
            <th scope="col">Captured</th>
            <th scope="col">
              <span class="visually-hidden">Delete</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {profiles.map((profile) => (
            <ProfileRow key={profile.id} profile={profile} {...rest} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function ProfileRow({ profile, ticked, tick, remove }: { profile: Profile } & Omit<TableProps, "profiles">) {
  const title = profileTitle(profile);
  const ready = profile.state === "ready";
  return (
    <tr data-testid="profile-row" data-id={profile.id} class={ticked.includes(profile.id) ? "ticked" : undefined}>
      <td>
        <input
          type="checkbox"
          aria-label={`Compare ${title}`}
          checked={ticked.includes(profile.id)}
          disabled={!ready}
          onChange={() => tick(profile.id)}
        />
      </td>
      <th scope="row" class="program">
        {ready ? (
          <a href={formatRoute(profileHome(profile.id))}>
            <bdi>{title}</bdi>
          </a>
        ) : (
          <bdi class="program-name">{title}</bdi>
        )}
        <bdi class="cmdline">
          {profile.info ? profile.info.cmdline.slice(1).join(" ") || profile.name : bytes(profile.size_bytes)}
        </bdi>
        <Labels labels={profile.labels} />
      </th>
      <td>
        <StateBadge state={profile.state} />
      </td>
      {profile.info ? <Totals info={profile.info} /> : <NoTotals profile={profile} />}
      <td>
        <Instant ms={profileTime(profile)} />
      </td>
      <td class="actions">
        <ConfirmButton text="Delete" question="Really delete?" onConfirm={() => remove(profile.id)} />
      </td>
    </tr>
  );
}

function Totals({ info }: { info: ProfileInfo }) {
  return (
    <>
      <td class="number strong">
        <Bytes value={info.peak_bytes} />
      </td>
      <td class="number">
        <Bytes value={info.leaked_bytes} />
        <span class="beneath">
          <Count value={info.leaked_count} /> blocks
        </span>
      </td>
      <td class="number">
        <Bytes value={info.allocated_bytes} />
        <span class="beneath">
          <Count value={info.allocations} /> times
        </span>
      </td>
      <td class="number">
        <Duration value={info.runtime_us} />
      </td>
    </>
  );
}

function NoTotals({ profile }: { profile: Profile }) {
  return (
    <td colSpan={4} class="no-totals">
      {profile.state === "failed" ? (
        <span class="failure">{profile.problem ?? "no reason was given"}</span>
      ) : (
        <IngestProgress profile={profile} />
      )}
    </td>
  );
}

/** The older capture is the base: what came later is what changed. */
function CompareBar({ profiles, ticked, clear }: { profiles: Profile[]; ticked: string[]; clear: () => void }) {
  const chosen = profiles.filter(({ id }) => ticked.includes(id)).toSorted((a, b) => profileTime(a) - profileTime(b));
  const [base, other] = chosen;
  return (
    <aside class="compare-bar" aria-label="Comparison">
      <p role="status">
        {chosen.length === 1 && "Tick another profile to compare with."}
        {chosen.length > 2 &&
          `${count(chosen.length)} are ticked: a comparison starts with two, more runs can be added there.`}
        {chosen.length === 2 && base && other && (
          <>
            <bdi>{compareName(base)}</bdi>
            <span aria-label="compared with">→</span>
            <bdi>{compareName(other)}</bdi>
          </>
        )}
      </p>
      <button type="button" class="quiet" onClick={clear}>
        Clear
      </button>
      <button
        type="button"
        class="primary"
        data-testid="compare-start"
        disabled={chosen.length !== 2}
        onClick={() => base && other && goTo(comparison([base.id], [other.id]))}
      >
        Compare
      </button>
    </aside>
  );
}

function compareName(profile: Profile): string {
  return `${profile.name || profileTitle(profile)}${profile.info ? ` (${bytes(profile.info.peak_bytes)} at peak)` : ""}`;
}

function NoProfiles() {
  return (
    <Empty title="No profile yet">
      <p>Capture a program's memory, then upload the file:</p>
      <pre>
        <code>{"bytehound run -- ./program\nbytehound upload memory-profiling_*.dat"}</code>
      </pre>
    </Empty>
  );
}
