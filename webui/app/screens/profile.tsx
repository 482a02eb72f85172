// One profile: what it amounts to, its memory over time, and which stacks asked for it.

import { useEffect } from "preact/hooks";
import type { Profile, ProfileInfo } from "../api/types";
import { profileTime, profileTitle, sinceStart } from "../labels";
import { Labels } from "../parts/choices";
import { Bytes, Count, Duration, Instant } from "../parts/figure";
import { GroupCard } from "../parts/group-table";
import { ProblemNotice, Waiting } from "../parts/notice";
import { IngestProgress, StateBadge } from "../parts/profile-state";
import { TimelineCard } from "../parts/timeline-card";
import { useProfile } from "../profile-watch";
import { share } from "../quantity";
import { comparison, formatRoute, type ProfileRoute } from "../route";

export function ProfileScreen({ route }: { route: ProfileRoute }) {
  const { data: profile, problem, reload } = useProfile(route.id);
  const title = profile ? profileTitle(profile) : "Profile";
  useEffect(() => void (document.title = `${title} · Bytehound`), [title]);
  return (
    <>
      <div class="title-row">
        <div>
          <p class="crumb">
            <a href="#/">Profiles</a>
          </p>
          <h1 tabIndex={-1}>
            <bdi>{title}</bdi>
          </h1>
        </div>
        {profile?.state === "ready" && <ProfileActions id={profile.id} />}
      </div>
      {problem && <ProblemNotice problem={problem} retry={reload} />}
      {!profile && !problem && <Waiting what="Asking for the profile" />}
      {profile && <Identity profile={profile} />}
      {profile && profile.state !== "ready" && <NotReady profile={profile} />}
      {profile?.state === "ready" && profile.info && (
        <>
          <Facts info={profile.info} />
          <Defects defects={profile.info.defects} />
          <TimelineCard route={route} info={profile.info} />
          <GroupCard route={route} info={profile.info} />
        </>
      )}
    </>
  );
}

function ProfileActions({ id }: { id: string }) {
  return (
    <div class="title-actions">
      <a class="button" href={formatRoute(comparison([id], []))}>
        Compare with…
      </a>
      <a class="button" href={formatRoute({ screen: "console", id })}>
        Script console
      </a>
    </div>
  );
}

function Identity({ profile }: { profile: Profile }) {
  const { info } = profile;
  return (
    <div class="identity">
      {info && <bdi class="cmdline-full">{info.cmdline.join(" ") || info.executable}</bdi>}
      <p class="identity-line">
        <span>
          Captured <Instant ms={profileTime(profile)} />
        </span>
        {info && <span>{`${info.architecture}, process ${info.pid}`}</span>}
        <span>
          <Bytes value={profile.size_bytes} /> in <bdi>{profile.name}</bdi>
        </span>
        <span class="id">{profile.id}</span>
      </p>
      <Labels labels={profile.labels} />
    </div>
  );
}

function NotReady({ profile }: { profile: Profile }) {
  return (
    <section class="card not-ready" aria-live="polite">
      <StateBadge state={profile.state} />
      {profile.state === "failed" ? (
        <p class="failure">{profile.problem ?? "no reason was given"}</p>
      ) : (
        <>
          <IngestProgress profile={profile} />
          <p class="card-note">The page fills by itself once the profile is ready.</p>
        </>
      )}
    </section>
  );
}

function Facts({ info }: { info: ProfileInfo }) {
  const seconds = Math.max(info.runtime_us / 1e6, 1e-6);
  return (
    <dl class="facts">
      <div>
        <dt>Peak memory</dt>
        <dd>
          <Bytes value={info.peak_bytes} />
          <span class="beneath">
            after <Duration value={sinceStart(info, info.peak_at_us)} />
          </span>
        </dd>
      </div>
      <div class={info.leaked_bytes > 0 ? "leak" : undefined}>
        <dt>Never freed</dt>
        <dd>
          <Bytes value={info.leaked_bytes} />
          <span class="beneath">
            <Count value={info.leaked_count} /> blocks, {share(info.leaked_bytes, info.allocated_bytes)}
          </span>
        </dd>
      </div>
      <div>
        <dt>Allocated</dt>
        <dd>
          <Bytes value={info.allocated_bytes} />
          <span class="beneath">over the whole run</span>
        </dd>
      </div>
      <div>
        <dt>Allocations</dt>
        <dd>
          <Count value={info.allocations} />
          <span class="beneath">
            <Count value={Math.round(info.allocations / seconds)} /> a second
          </span>
        </dd>
      </div>
      <div>
        <dt>Runtime</dt>
        <dd>
          <Duration value={info.runtime_us} />
          <span class="beneath">watched</span>
        </dd>
      </div>
      <div>
        <dt>Backtraces</dt>
        <dd>
          <Count value={info.backtraces} />
          <span class="beneath">
            {`up to ${info.max_depth} frames deep`}
            {info.frames_max !== null && `, cut at ${info.frames_max}`}
          </span>
        </dd>
      </div>
    </dl>
  );
}

/** A damaged capture is shown with what is there; the reader is told what is not. */
function Defects({ defects }: { defects: string[] }) {
  if (defects.length === 0) return null;
  return (
    <div class="notice warn" role="note">
      <div>
        <strong>
          {defects.length === 1 ? "The capture has a defect" : `The capture has ${defects.length} defects`}
        </strong>
        <ul>
          {defects.map((defect) => (
            <li key={defect}>{defect}</li>
          ))}
        </ul>
      </div>
    </div>
  );
}
