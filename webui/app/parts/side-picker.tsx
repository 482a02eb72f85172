// One side of a comparison: a run, or several of the same kind.

import type { Profile } from "../api/types";
import { profileTime, profileTitle, sortedLabels } from "../labels";
import { wallTime } from "../quantity";

interface SideProps {
  title: string;
  chosen: string[];
  profiles: Profile[];
  onChange: (ids: string[]) => void;
}

export function SidePicker({ title, chosen, profiles, onChange }: SideProps) {
  const open = profiles.filter(({ id }) => !chosen.includes(id)).toSorted((a, b) => profileTime(b) - profileTime(a));
  return (
    <fieldset class="side">
      <legend>{title}</legend>
      <ul class="side-runs">
        {chosen.map((id) => (
          <ChosenRun
            key={id}
            id={id}
            profile={profiles.find((profile) => profile.id === id)}
            remove={() => onChange(chosen.filter((other) => other !== id))}
          />
        ))}
      </ul>
      {open.length > 0 && (
        <select
          aria-label={`Add a run to ${title}`}
          value=""
          onChange={(event) => onChange([...chosen, event.currentTarget.value])}
        >
          <option value="" disabled>
            {chosen.length === 0 ? "Choose a run…" : "Add another run…"}
          </option>
          {open.map((profile) => (
            <option key={profile.id} value={profile.id}>
              {`${profileTitle(profile)} · ${profile.name} · ${wallTime(profileTime(profile))}`}
            </option>
          ))}
        </select>
      )}
    </fieldset>
  );
}

function ChosenRun({ id, profile, remove }: { id: string; profile: Profile | undefined; remove: () => void }) {
  const name = profile ? profileTitle(profile) : id;
  const labels = profile ? sortedLabels(profile.labels).map(([key, value]) => `${key}=${value}`) : [];
  return (
    <li>
      <span class="side-run">
        <bdi class="side-name">{name}</bdi>
        {profile && <bdi class="beneath">{[profile.name, wallTime(profileTime(profile)), ...labels].join(" · ")}</bdi>}
      </span>
      <button type="button" class="icon" aria-label={`Remove ${name}`} title="Remove" onClick={remove}>
        ×
      </button>
    </li>
  );
}
