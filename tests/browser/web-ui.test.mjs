// What a person does in the web UI: upload a capture, look at its chart and its leaks, run a script, compare two runs.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { captureSimulation, openPage, scripts } from "./service.mjs";

let server, page, byTestId, close, base, leaky;

before(async () => {
  ({ server, page, byTestId, close } = await openPage());
  base = captureSimulation(server.folder, "base", 1);
  leaky = captureSimulation(server.folder, "leaky", 1, "--extra-leak");
});

after(() => close?.());

async function upload(path, profilesThen) {
  await page.goto(server.url);
  await byTestId("upload-input").setInputFiles(path);
  await page.waitForFunction(
    (wanted) =>
      [...document.querySelectorAll('[data-testid="profile-state"]')].filter((state) =>
        /ready/i.test(state.textContent),
      ).length === wanted,
    profilesThen,
  );
}

async function openNewestProfile() {
  await page.goto(server.url);
  await byTestId("profile-row").first().locator("a").first().click();
  await byTestId("chart").first().waitFor();
}

test("an uploaded capture becomes ready while one watches", async () => {
  await upload(base.capture, 1);
  await upload(leaky.capture, 2);
  assert.equal(await byTestId("profile-row").count(), 2);
});

test("a profile shows its memory over time and names the largest leak first", async () => {
  await openNewestProfile();
  await byTestId("group-row").first().waitFor();
  const text = await byTestId("group-row").first().textContent();
  assert.match(text, /allocate_extra_leak/);
  assert.ok((await byTestId("chart").first().locator("canvas").count()) > 0, "there is no chart");
});

test("a click on the chart shows what was alive at that moment", async () => {
  await openNewestProfile();
  await byTestId("group-row").first().waitFor();
  const plot = await byTestId("chart").first().locator(".u-over").boundingBox();
  await page.mouse.click(plot.x + plot.width / 2, plot.y + plot.height / 2);
  await page.getByRole("columnheader", { name: "Alive", exact: true }).waitFor();
  assert.match(await byTestId("alive-note").textContent(), /alive at [\d.]+ m?s/);
  assert.match(await byTestId("chart-moment").textContent(), /^[\d.]+ m?s$/);

  const at = page.url().match(/[?&]at=(\d+)/)[1];
  const id = page.url().match(/#\/profile\/([^/?]+)/)[1];
  const { data } = await (await fetch(`${server.url}/v1/profiles/${id}/groups?at_us=${at}`)).json();
  const shown = () =>
    byTestId("group-row").evaluateAll((rows) =>
      rows.map((row) => [Number(row.dataset.backtrace), Number(row.querySelector("td data").value)]),
    );
  assert.deepEqual(
    await shown(),
    data.groups.map((group) => [group.backtrace_id, group.alive_bytes]),
  );

  await page.reload();
  await byTestId("chart-moment").waitFor();
  await page.getByRole("slider", { name: "Moment" }).press("ArrowRight");
  await page.waitForFunction((before) => Number(location.hash.match(/[?&]at=(\d+)/)[1]) > before, Number(at));
  await byTestId("alive-note").getByRole("button", { name: "Whole run" }).click();
  await page.getByRole("columnheader", { name: "Leaked", exact: true }).waitFor();
  assert.equal(await byTestId("chart-moment").isVisible(), false);
  assert.doesNotMatch(page.url(), /[?&]at=/);
});

test("the console runs a script and shows its text and its graph", async () => {
  await openNewestProfile();
  await page.goto(page.url().replace(/#\/profiles?\/([^/?]+).*/, "#/console/$1"));
  await byTestId("script-input").fill('graph().add("Leaked", allocations().only_leaked()).save();\nprintln("{}", 6 * 7);');
  await byTestId("script-run").click();
  await page.waitForFunction(() => /42/.test(document.querySelector('[data-testid="script-output"]')?.textContent ?? ""));
  assert.ok((await byTestId("script-output").locator("img, svg, object").count()) > 0, "there is no graph");
});

test("the case study says in the console what it says over HTTP", async () => {
  const script = readFileSync(join(scripts, "case_study_1.rhai"), "utf8");
  const id = page.url().match(/#\/console\/([^/?]+)/)[1];
  const answer = await (await fetch(`${server.url}/script?profile=${id}`, { method: "POST", body: script })).json();
  const printed = answer.output.filter((item) => item.kind === "println").flatMap((item) => item.value.split("\n"));
  assert.ok(printed.length > 10, `the script failed: ${answer.message}`);
  await byTestId("script-input").fill(script);
  await byTestId("script-run").click();
  await byTestId("script-output").getByText(printed.at(-1).trim()).first().waitFor();
  const lines = (await byTestId("script-output").innerText()).split("\n").map((line) => line.trim());
  assert.deepEqual(printed.filter((line) => line !== "" && !lines.includes(line.trim())), []);
});

test("a wrong script shows what is wrong and where", async () => {
  await byTestId("script-input").fill("println(1);\nallocations().no_such_filter();");
  await byTestId("script-run").click();
  await page.waitForFunction(() =>
    /no_such_filter/.test(document.querySelector('[data-testid="script-output"]')?.textContent ?? ""),
  );
  assert.match(await byTestId("script-output").textContent(), /2/);
});

test("comparing two runs names the leak that only one has", async () => {
  const list = await (await fetch(`${server.url}/v1/profiles`)).json();
  const [newest, oldest] = list.profiles.map((profile) => profile.id);
  await page.goto(`${server.url}/#/compare?base=${oldest}&new=${newest}`);
  await byTestId("compare-row").first().waitFor();
  assert.match(await byTestId("compare-row").first().textContent(), /allocate_extra_leak/);
});
