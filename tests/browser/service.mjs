// A server of the test's own, on a port of the system's choice, with a data directory that goes when it goes.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
export const release = join(root, "target/release");
export const scripts = join(root, "tests/data/scripts");
export const golden = join(root, "tests/data/golden");

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

/** A server, and a page of a browser without a window, in which nothing is thrown. `close()` ends both. */
export async function openPage(...serverArguments) {
  const server = await startServer(...serverArguments);
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
  });
  const page = await browser.newPage();
  page.on("pageerror", (error) => assert.fail(`the page threw ${error}`));
  const byTestId = (id) => page.locator(`[data-testid="${id}"]`);
  const close = async () => {
    await browser.close();
    await server.stop();
  };
  return { server, page, byTestId, close };
}

/** Starts a server with these arguments; `token(scopes)` makes a token that it takes, `stop()` ends it. */
async function startServer(...extra) {
  const folder = mkdtempSync(join(tmpdir(), "bytehound-browser-"));
  const data = ["--data-dir", join(folder, "data")];
  const child = spawn(join(release, "bytehound"), ["server", "--port", "0", ...data, ...extra], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = await new Promise((resolve, reject) => {
    createInterface(child.stdout).on("line", (line) => {
      const found = line.match(/http:\/\/\S+/);
      if (found) resolve(found[0].replace(/\/$/, ""));
    });
    child.on("exit", (code) => reject(new Error(`the server ended with ${code}`)));
  });
  const token = (scopes) =>
    spawnSync(join(release, "bytehound"), ["token", "create", "--scope", scopes, ...data], {
      encoding: "utf8",
    }).stdout.trim();
  const stop = () =>
    new Promise((resolve) => {
      child.once("exit", () => {
        rmSync(folder, { recursive: true, force: true });
        resolve();
      });
      child.kill("SIGTERM");
    });
  return { url, folder, token, stop };
}
