// A stand-in for the service's routes inside Vite's own server: `npm run mock`.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Connect, Plugin } from "vite";
import type { GroupMetric, Profile } from "../app/api/types";
import { comparison, groups, groupsAt, profiles, timeline } from "./fixtures.ts";

/** The policy under which the service serves the pages: a build that breaks it must be seen here first. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const GRAPH =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 320"><rect width="900" height="320" fill="#fff"/><path d="M40 280L200 240L360 210L520 150L680 130L860 40V280Z" fill="#c2571a" opacity=".7"/><path d="M40 280H880M40 20V280" stroke="#333" fill="none"/><text x="60" y="50" font-family="sans-serif" font-size="18">Leaked</text></svg>';

export function mockService(): Plugin {
  const known = new Map(profiles().map((profile) => [profile.id, profile]));
  return {
    name: "bytehound-mock-service",
    configureServer: (server) => void server.middlewares.use(answers(known)),
    configurePreviewServer: (server) => {
      server.middlewares.use((_request, response, next) => {
        response.setHeader("content-security-policy", POLICY);
        next();
      });
      server.middlewares.use(answers(known));
    },
  };
}

function answers(known: Map<string, Profile>): Connect.NextHandleFunction {
  return (request, response, next) => {
    const url = new URL(request.url ?? "/", "http://mock");
    const [, root, collection, id = "", part] = url.pathname.split("/");
    if (root === "script_files") return send(response, 200, GRAPH, "image/svg+xml");
    if (root === "script") return void script(request, response);
    if (root !== "v1") return next();
    if (collection === "comparisons") return json(response, { data: comparison() });
    if (id === "" && request.method === "POST") return void receive(known, url, request, response);
    if (id === "") return json(response, { profiles: [...known.values()] });
    const profile = known.get(decodeURIComponent(id));
    if (!profile) return missing(response, id);
    if (request.method === "DELETE") {
      known.delete(profile.id);
      return send(response, 204, "", "text/plain");
    }
    if (part === "events") return ingest(known, profile, request, response);
    if (part === "timeline") return json(response, { data: curve(url.searchParams) });
    if (part === "groups") return json(response, groupPage(url.searchParams, profile));
    return json(response, profile);
  };
}

function curve(query: URLSearchParams) {
  const number = (name: string, otherwise: number) => Number(query.get(name) ?? otherwise);
  return timeline(number("from_us", 0), number("to_us", 312_450_000), number("points", 1000));
}

function groupPage(query: URLSearchParams, profile: Profile) {
  const at = query.get("at_us");
  const sort = (query.get("sort") ?? (at === null ? "leaked_bytes" : "alive_bytes")) as GroupMetric;
  const turn = query.get("order") === "asc" ? -1 : 1;
  const start_us = profile.info?.start_us;
  const all = at === null ? groups(start_us) : groupsAt(Number(at), start_us);
  const sorted = all.sort((a, b) => turn * ((b[sort] ?? 0) - (a[sort] ?? 0)));
  const from = Number(query.get("cursor") ?? 0);
  const to = from + Number(query.get("limit") ?? 50);
  return {
    data: { groups: sorted.slice(from, to) },
    total: sorted.length,
    next: to < sorted.length ? String(to) : null,
  };
}

/** Tells of a profile being taken in, from its first byte to `ready`. */
function ingest(
  known: Map<string, Profile>,
  profile: Profile,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  const steps = (["loading", "symbolizing", "indexing"] as const).flatMap((state) =>
    [0.1, 0.4, 0.7, 0.95].map((done) => ({ state, done })),
  );
  const timer = setInterval(() => {
    const step = steps.shift();
    const next: Profile = step
      ? {
          ...profile,
          state: step.state,
          progress: {
            phase: step.state,
            bytes: profile.size_bytes * step.done,
            bytes_total: profile.size_bytes,
            events: 7e6 * step.done,
          },
        }
      : { ...profile, state: "ready", progress: null, info: known.get("p_ready1")?.info ?? null };
    known.set(profile.id, next);
    response.write(`event: ${step ? "progress" : "done"}\ndata: ${JSON.stringify(next)}\n\n`);
    if (!step) response.end();
  }, 700);
  request.on("close", () => clearInterval(timer));
}

async function receive(
  known: Map<string, Profile>,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const size_bytes = (await body(request)).length;
  const id = `p_upload${known.size}`;
  const labels = Object.fromEntries(url.searchParams.getAll("label").map((label) => label.split("=", 2)));
  const name = url.searchParams.get("name") ?? "capture.dat";
  const empty = { data_id: null, problem: null, progress: null, info: null };
  known.set(id, { id, name, state: "stored", labels, size_bytes, created_at_ms: Date.now(), ...empty });
  json(response, { id, state: "stored", deduplicated: false }, 201);
}

async function script(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const source = (await body(request)).toString();
  const line = source.split("\n").findIndex((text) => text.includes("oops")) + 1;
  const printed = { kind: "println", value: "Total: 1646\nLeaked: 1646" } as const;
  const image = {
    kind: "image",
    url: "/script_files/00/leaks.svg",
    basename: "leaks.svg",
    path: "/leaks.svg",
    checksum: "00",
  } as const;
  if (line > 0)
    json(response, {
      status: "error",
      elapsed: 0.004,
      output: [printed],
      message: "Function not found: oops ()",
      line,
      column: 5,
    });
  else
    json(response, {
      status: "ok",
      elapsed: 0.132,
      output: [printed, image, { kind: "println", value: "<b>text stays text</b>" }],
    });
}

function body(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => resolve(Buffer.concat(parts)));
    request.on("error", reject);
  });
}

function missing(response: ServerResponse, id: string): void {
  const problem = {
    type: "about:blank",
    title: "No such profile",
    status: 404,
    code: "profile_not_found",
    detail: `there is no profile \`${id}\``,
  };
  send(response, 404, JSON.stringify(problem), "application/problem+json");
}

function json(response: ServerResponse, value: unknown, status = 200): void {
  send(response, status, JSON.stringify(value), "application/json");
}

function send(response: ServerResponse, status: number, text: string, type: string): void {
  response.writeHead(status, { "content-type": type });
  response.end(text);
}
