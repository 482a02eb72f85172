// Data that a screen asks for, and asks for again when its question changes.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { asProblem, isAbort, type Problem } from "./api/request";

export interface Resource<T> {
  /** The latest answer: kept while a new question is under way, so that the screen does not flicker. */
  data: T | null;
  problem: Problem | null;
  loading: boolean;
  reload: () => void;
}

/** Asks whenever `key` changes; a null key asks nothing. An answer to an earlier question is never shown. */
export function useResource<T>(key: string | null, load: (signal: AbortSignal) => Promise<T>): Resource<T> {
  const [answer, setAnswer] = useState<{ data: T | null; problem: Problem | null }>({ data: null, problem: null });
  const [loading, setLoading] = useState(key !== null);
  const [round, setRound] = useState(0);
  const latestLoad = useRef(load);
  latestLoad.current = load;

  useEffect(() => {
    if (key === null) return;
    const controller = new AbortController();
    setLoading(true);
    latestLoad
      .current(controller.signal)
      .then((data) => setAnswer({ data, problem: null }))
      .catch((error: unknown) => {
        if (!isAbort(error)) setAnswer(({ data }) => ({ data, problem: asProblem(error) }));
      })
      .finally(() => {
        if (!controller.signal.aborted) setLoading(false);
      });
    return () => controller.abort();
  }, [key, round]);

  const reload = useCallback(() => setRound((n) => n + 1), []);
  return { ...answer, loading, reload };
}
