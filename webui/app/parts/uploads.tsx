// Sending captures: chosen, or dropped anywhere on the page. One at a time, so that each is as fast as it can be.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { asProblem, isAbort, type Problem } from "../api/request";
import { uploadProfile } from "../api/upload";
import { parseLabels } from "../labels";
import { bytes } from "../quantity";
import { ProgressBar } from "./profile-state";

interface Upload {
  key: number;
  file: File;
  labels: ReadonlyArray<readonly [string, string]>;
  state: "waiting" | "sending" | "known" | "failed";
  sent: number;
  problem: Problem | null;
}

interface UploadQueue {
  uploads: Upload[];
  add: (files: Iterable<File>, labels: Upload["labels"]) => void;
  dismiss: (key: number) => void;
}

export function UploadPanel({ onUploaded }: { onUploaded: () => void }) {
  const queue = useUploads(onUploaded);
  const [labelText, setLabelText] = useState("");
  const { labels, rejected } = parseLabels(labelText);
  const accept = useCallback((files: Iterable<File>) => queue.add(files, labels), [labelText]);
  const dragging = useDrop(accept);
  return (
    <section class={dragging ? "upload dragging" : "upload"} aria-label="Upload">
      <div class="upload-row">
        <label class="button primary">
          <input
            type="file"
            class="visually-hidden"
            multiple
            data-testid="upload-input"
            onChange={(event) => {
              accept([...(event.currentTarget.files ?? [])]);
              event.currentTarget.value = "";
            }}
          />
          Upload captures
        </label>
        <span class="upload-hint">or drop .dat files anywhere on this page</span>
        <label class="upload-labels">
          <span>Labels for them</span>
          <input
            type="text"
            placeholder="suite=soak, branch=main"
            value={labelText}
            aria-invalid={rejected !== null}
            aria-describedby="upload-labels-problem"
            onInput={(event) => setLabelText(event.currentTarget.value)}
          />
        </label>
      </div>
      <p id="upload-labels-problem" class="field-problem" role="status">
        {rejected !== null && (
          <>
            <code>{rejected}</code> is not a label: write <code>key=value</code>, with commas between.
          </>
        )}
      </p>
      {queue.uploads.length > 0 && (
        <ul class="upload-list">
          {queue.uploads.map((upload) => (
            <UploadLine key={upload.key} upload={upload} dismiss={() => queue.dismiss(upload.key)} />
          ))}
        </ul>
      )}
      {dragging && (
        <div class="drop-sheet" aria-hidden="true">
          Drop to upload
        </div>
      )}
    </section>
  );
}

function UploadLine({ upload, dismiss }: { upload: Upload; dismiss: () => void }) {
  const { file, state, sent, problem } = upload;
  const active = state === "waiting" || state === "sending";
  return (
    <li class={`upload-item ${state}`}>
      <bdi class="upload-name">{file.name}</bdi>
      {active && <ProgressBar done={sent} total={file.size} label={`Upload of ${file.name}`} />}
      <span class="upload-status" role={active ? undefined : "status"}>
        {state === "waiting" && "waiting"}
        {state === "sending" && `${bytes(sent)} of ${bytes(file.size)}`}
        {state === "known" && "was already here: its labels were added"}
        {state === "failed" && `${problem?.message}${problem?.detail ? `: ${problem.detail}` : ""}`}
      </span>
      <button type="button" class="quiet" onClick={dismiss}>
        {active ? "Cancel" : "Dismiss"}
      </button>
    </li>
  );
}

function useUploads(onUploaded: () => void): UploadQueue {
  const [uploads, setUploads] = useState<Upload[]>([]);
  const nextKey = useRef(1);
  const running = useRef<{ key: number; controller: AbortController } | null>(null);

  const change = (key: number, fields: Partial<Upload>) =>
    setUploads((all) => all.map((upload) => (upload.key === key ? { ...upload, ...fields } : upload)));
  const remove = (key: number) => setUploads((all) => all.filter((upload) => upload.key !== key));

  useEffect(() => {
    const next = uploads.find(({ state }) => state === "waiting");
    if (!next || running.current) return;
    const controller = new AbortController();
    running.current = { key: next.key, controller };
    change(next.key, { state: "sending" });
    const onProgress = (sent: number) => change(next.key, { sent });
    uploadProfile({ file: next.file, labels: next.labels, onProgress, signal: controller.signal })
      .then(({ deduplicated }) => (deduplicated ? change(next.key, { state: "known" }) : remove(next.key)))
      .catch((error: unknown) =>
        isAbort(error) ? remove(next.key) : change(next.key, { state: "failed", problem: asProblem(error) }),
      )
      .finally(() => {
        running.current = null;
        // A new array wakes this effect up for whatever waits behind.
        setUploads((all) => [...all]);
        onUploaded();
      });
  }, [uploads]);

  useEffect(() => () => running.current?.controller.abort(), []);

  return {
    uploads,
    add: (files, labels) => {
      const added = [...files].map((file): Upload => ({
        key: nextKey.current++,
        file,
        labels,
        state: "waiting",
        sent: 0,
        problem: null,
      }));
      setUploads((all) => [...all, ...added]);
    },
    dismiss: (key) => (running.current?.key === key ? running.current.controller.abort() : remove(key)),
  };
}

/** True while files hang over the page. Enter and leave events come in pairs for every element passed. */
function useDrop(accept: (files: Iterable<File>) => void): boolean {
  const [depth, setDepth] = useState(0);
  useEffect(() => {
    const step = (by: number) => (event: DragEvent) => {
      if (carriesFiles(event)) setDepth((depth) => Math.max(depth + by, 0));
    };
    const over = (event: DragEvent) => {
      if (carriesFiles(event)) event.preventDefault();
    };
    const drop = (event: DragEvent) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      setDepth(0);
      accept([...(event.dataTransfer?.files ?? [])]);
    };
    const listeners = new AbortController();
    const { signal } = listeners;
    addEventListener("dragenter", step(1), { signal });
    addEventListener("dragleave", step(-1), { signal });
    addEventListener("dragover", over, { signal });
    addEventListener("drop", drop, { signal });
    return () => listeners.abort();
  }, [accept]);
  return depth > 0;
}

function carriesFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes("Files") ?? false;
}
