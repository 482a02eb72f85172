// The web UI of a server that asks for a token: it asks for it, and shows it with everything that it sends.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { golden, openPage } from "./service.mjs";

let server, page, byTestId, close;

before(async () => {
  ({ server, page, byTestId, close } = await openPage("--require-token"));
});

after(() => close?.());

async function enter(token) {
  await byTestId("token-prompt").getByLabel("Token").fill(token);
  await byTestId("token-prompt").getByRole("button", { name: "Enter" }).click();
}

test("nothing is shown before a token is, and a wrong one changes nothing", async () => {
  await page.goto(server.url);
  await byTestId("token-prompt").waitFor();
  const refused = page.waitForResponse((answer) => answer.status() === 401);
  await enter("bh_guessed");
  await refused;
  await byTestId("token-prompt").waitFor();
});

test("with a token the page uploads, follows, asks and draws", async () => {
  await enter(server.token("read,write,script"));
  await byTestId("upload-input").setInputFiles(join(golden, "realloc.decoded.dat"));
  await page.waitForFunction(() => /ready/i.test(document.querySelector('[data-testid="profile-state"]')?.textContent));
  await byTestId("profile-row").first().locator("a").first().click();
  await byTestId("group-row").first().waitFor();
  await page.goto(page.url().replace(/#\/profiles?\/([^/?]+).*/, "#/console/$1"));
  await byTestId("script-input").fill("graph().add(allocations()).save();");
  await byTestId("script-run").click();
  const picture = byTestId("script-output").locator("img");
  await picture.waitFor();
  await page.waitForFunction(() => document.querySelector('[data-testid="script-output"] img').naturalWidth > 0);
});

test("what the token does not allow is said, and the token stays", async () => {
  await page.goto(server.url);
  await byTestId("profile-row").first().waitFor();
  const before = await byTestId("profile-row").count();
  const remove = byTestId("profile-row").first().getByRole("button", { name: /delete/i });
  await remove.click();
  await byTestId("profile-row").first().getByRole("button", { name: /delete/i }).first().click();
  await page.getByRole("alert").waitFor();
  assert.match(await page.getByRole("alert").textContent(), /scope `admin`/);
  assert.equal(await byTestId("profile-row").count(), before);
});
