// Fetching JSON, with the service's problems (RFC 9457) turned into one kind of error.

import { authorization, noteStatus } from "./token";

/** What the service, or the way to it, answered instead of data. */
export class Problem extends Error {
  constructor(
    message: string,
    readonly detail: string | null = null,
    readonly status: number | null = null,
    readonly code: string | null = null,
  ) {
    super(message);
    this.name = "Problem";
  }
}

export async function requestJson<T>(path: string, init: RequestInit = {}): Promise<T> {
  const response = await reach(path, { ...init, headers: { accept: "application/json", ...init.headers } });
  const text = await response.text();
  if (!response.ok) throw problemFrom(response.status, text);
  return (text === "" ? undefined : parse(text)) as T;
}

/** Reads a problem document; any other body is quoted, so that a proxy's page still says something. */
export function problemFrom(status: number, body: string): Problem {
  try {
    const document: unknown = JSON.parse(body);
    if (document !== null && typeof document === "object") {
      const { title, detail, code } = document as Record<string, unknown>;
      return new Problem(text(title) ?? `The service answered ${status}`, text(detail), status, text(code));
    }
  } catch {
    // Not JSON: fall through to quoting it.
  }
  return new Problem(`The service answered ${status}`, body.slice(0, 300) || null, status);
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(error instanceof Error ? error.message : String(error));
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** Any answer, whatever its status; the token is shown. */
export async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    const response = await fetch(path, { ...init, headers: { ...authorization(), ...init.headers } });
    noteStatus(response.status);
    return response;
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new Problem(
      "The service can't be reached",
      "Is the server still running? The page will work again once it answers.",
    );
  }
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new Problem("The service's answer is not JSON", body.slice(0, 300));
  }
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
