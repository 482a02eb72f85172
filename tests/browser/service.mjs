// A server of the test's own, on a port of the system's choice, with a data directory that goes when it goes.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
export const release = join(root, "target/release");
export const scripts = join(root, "tests/data/scripts");

/** Captures `seconds` of the simulation; returns the capture's path and what the program said it did. */
export function captureSimulation(folder, name, seconds, ...extra) {
  const capture = join(folder, `${name}.dat`);
  const { status, stdout, stderr } = spawnSync(
    join(release, "bytehound"),
    ["run", "--output", capture, "--", join(release, "simulation"), "--seconds", String(seconds), ...extra],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`the simulation failed under capture: ${stderr}`);
  return { capture, said: stdout };
}

/** Starts a server; `stop()` ends it. */
export async function startServer() {
  const folder = mkdtempSync(join(tmpdir(), "bytehound-browser-"));
  const child = spawn(join(release, "bytehound"), ["server", "--port", "0", "--data-dir", join(folder, "data")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = await new Promise((resolve, reject) => {
    createInterface(child.stdout).on("line", (line) => {
      const found = line.match(/http:\/\/\S+/);
      if (found) resolve(found[0].replace(/\/$/, ""));
    });
    child.on("exit", (code) => reject(new Error(`the server ended with ${code}`)));
  });
  const stop = () =>
    new Promise((resolve) => {
      child.once("exit", () => {
        rmSync(folder, { recursive: true, force: true });
        resolve();
      });
      child.kill("SIGTERM");
    });
  return { url, folder, stop };
}
