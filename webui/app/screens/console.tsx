// The script console: Rhai on the left, what it says and draws on the right.

import { useEffect, useRef, useState } from "preact/hooks";
import { asProblem, isAbort, type Problem } from "../api/request";
import { listProfiles, runScript } from "../api/service";
import type { Profile, ScriptResult } from "../api/types";
import { profileTime, profileTitle } from "../labels";
import { adjust } from "../navigation";
import { ProblemNotice, Waiting } from "../parts/notice";
import { ScriptEditor } from "../parts/script-editor";
import { ScriptResultView } from "../parts/script-result";
import { wallTime } from "../quantity";
import { useResource } from "../resource";
import { EXAMPLES, loadDraft, saveDraft } from "../script-draft";

export function ConsoleScreen({ id }: { id: string | null }) {
  const { data: profiles, problem: listProblem, reload } = useResource("profiles", listProfiles);
  const ready = (profiles ?? [])
    .filter(({ state }) => state === "ready")
    .toSorted((a, b) => profileTime(b) - profileTime(a));
  const chosen = id ?? ready[0]?.id ?? null;
  const [source, setSource] = useState(loadDraft);
  const script = useScript(chosen);
  useEffect(() => void (document.title = "Script console · Bytehound"), []);

  const change = (text: string) => {
    setSource(text);
    saveDraft(text);
    script.edited();
  };
  const run = () => void script.run(source);
  return (
    <>
      <div class="title-row">
        <h1 tabIndex={-1}>Script console</h1>
        <ProfileChoice profiles={ready} chosen={chosen} />
      </div>
      {listProblem && <ProblemNotice problem={listProblem} retry={reload} />}
      {profiles && ready.length === 0 && <p class="notice warn">No profile is ready yet: a script needs one to ask.</p>}
      <div class="console">
        <section class="console-input" aria-label="Script">
          <ScriptEditor source={source} errorLine={script.errorLine} onChange={change} onRun={run} />
          <div class="console-bar">
            <button
              type="button"
              class="primary"
              data-testid="script-run"
              disabled={chosen === null || script.running}
              onClick={run}
            >
              {script.running ? "Running…" : "Run"}
            </button>
            {script.running && (
              <button type="button" onClick={script.stop}>
                Stop waiting
              </button>
            )}
            <p id="editor-keys" class="keys">
              <kbd>Ctrl</kbd> <kbd>Enter</kbd> runs. <kbd>Esc</kbd> then <kbd>Tab</kbd> leaves the editor.
            </p>
          </div>
          <div class="examples" role="group" aria-label="Examples">
            <span>Start from</span>
            {EXAMPLES.map(([name, example]) => (
              <button key={name} type="button" class="quiet" onClick={() => change(example)}>
                {name}
              </button>
            ))}
          </div>
        </section>
        <section
          class="console-output"
          aria-label="Output"
          aria-live="polite"
          aria-busy={script.running}
          data-testid="script-output"
        >
          {script.running && <Waiting what="Running" />}
          {script.problem && <ProblemNotice problem={script.problem} />}
          {script.result && <ScriptResultView result={script.result} />}
          {!script.running && !script.problem && !script.result && (
            <p class="output-empty">What the script prints and draws appears here.</p>
          )}
        </section>
      </div>
    </>
  );
}

function ProfileChoice({ profiles, chosen }: { profiles: Profile[]; chosen: string | null }) {
  const listed = profiles.some(({ id }) => id === chosen);
  return (
    <label class="field">
      <span>Profile</span>
      <select
        value={chosen ?? ""}
        disabled={profiles.length === 0}
        onChange={(event) => adjust({ screen: "console", id: event.currentTarget.value })}
      >
        {chosen !== null && !listed && <option value={chosen}>{chosen}</option>}
        {profiles.map((profile) => (
          <option key={profile.id} value={profile.id}>
            {`${profileTitle(profile)} · ${profile.name} · ${wallTime(profileTime(profile))}`}
          </option>
        ))}
      </select>
    </label>
  );
}

interface Script {
  running: boolean;
  result: ScriptResult | null;
  problem: Problem | null;
  errorLine: number | null;
  run: (source: string) => Promise<void>;
  stop: () => void;
  /** The text changed: a mark at a line of the old text would lie. */
  edited: () => void;
}

function useScript(profile: string | null): Script {
  const [result, setResult] = useState<ScriptResult | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [errorLine, setErrorLine] = useState<number | null>(null);
  const current = useRef<AbortController | null>(null);
  const [running, setRunning] = useState(false);
  useEffect(() => () => current.current?.abort(), []);

  const show = (next: ScriptResult | null, trouble: Problem | null) => {
    setResult(next);
    setProblem(trouble);
    setErrorLine(next?.status === "error" ? (next.line ?? null) : null);
  };
  const run = async (source: string) => {
    if (profile === null || current.current) return;
    const controller = new AbortController();
    current.current = controller;
    setRunning(true);
    show(null, null);
    try {
      show(await runScript(profile, source, controller.signal), null);
    } catch (error) {
      if (!isAbort(error)) show(null, asProblem(error));
    } finally {
      current.current = null;
      setRunning(false);
    }
  };
  return {
    running,
    result,
    problem,
    errorLine,
    run,
    stop: () => current.current?.abort(),
    edited: () => setErrorLine(null),
  };
}
