// Drives the terminal in headless Chromium for test_terminal.py: node terminal.mjs URL
// Each step prints one JSON line; at `restart` it waits for a line on stdin while the test kills the gateway.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { chromium } = createRequire(`${root}/frontend/package.json`)("playwright-core");
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const [url] = process.argv.slice(2);
const WAIT_MS = 60_000;

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (step, fields = {}) => console.log(JSON.stringify({ step, ...fields }));

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
const page = await context.newPage();
page.setDefaultTimeout(WAIT_MS);
const faults = [];
page.on("pageerror", (error) => faults.push(String(error.stack)));

const rows = (panel) => page.locator(`[data-panel="${panel}"] [data-id]`);
const ids = (panel) => rows(panel).evaluateAll((all) => all.map((row) => row.dataset.id));
const texts = (panel, column) => rows(panel).evaluateAll((all, n) => all.map((row) => row.children[n].textContent), column);
const leave = () => page.mouse.move(720, 5);

async function until(what, holds) {
  const deadline = Date.now() + WAIT_MS;
  while (!(await holds())) {
    assert(Date.now() < deadline, `in vain: ${what}`);
    await page.waitForTimeout(100);
  }
}

/** Every id of a list, by scrolling through it from top to bottom. */
async function scrollThrough(panel) {
  const scroller = page.locator(`[data-panel="${panel}"] [role="rowgroup"]`);
  const seen = new Map();
  for (let top = 0, end = 0; ; top += 110) {
    end = await scroller.evaluate((element, to) => {
      element.scrollTop = to;
      return element.scrollHeight - element.clientHeight;
    }, top);
    await page.waitForTimeout(60);
    const here = await rows(panel).evaluateAll((all) => all.map((row) => [row.getAttribute("aria-rowindex"), row.dataset.id]));
    for (const [index, id] of here) seen.set(index, id);
    if (top >= end) break;
  }
  await scroller.evaluate((element) => {
    element.scrollTop = 0;
  });
  return [...seen.values()];
}

async function heapMb() {
  const session = await context.newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  await session.detach();
  return Math.round(usedSize / 1e5) / 10;
}

async function loads() {
  await page.goto(url);
  await page.getByTestId("connection").filter({ hasText: "connected" }).first().waitFor();
  assert.equal(await page.getByTestId("dataset").textContent(), "SYNTHETIC");
  for (const panel of ["a", "p", "t"]) await rows(panel).first().waitFor();
  say("loads");
}

async function moves() {
  await leave();
  const before = await ids("t");
  await until("the tape moves", async () => (await ids("t"))[0] !== before[0]);
  const clock = await page.getByTestId("clock").textContent();
  assert.match(clock, /^\d\d:\d\d:\d\d\.\d{3} NY simulated$/);
  await until("the clock moves", async () => (await page.getByTestId("clock").textContent()) !== clock);
  say("moves");
}

async function holdsUnderPointer() {
  const box = await rows("t").nth(3).boundingBox();
  await page.mouse.move(box.x + 200, box.y + 8);
  await page.waitForTimeout(150);
  const before = await ids("t");
  const counter = page.locator('section[aria-label="Tape"] button').filter({ hasText: /new$/ });
  await counter.waitFor();
  assert.deepEqual(await ids("t"), before, "rows moved under the pointer");
  await leave();
  await until("what waited enters", async () => (await counter.count()) === 0 && (await ids("t"))[0] !== before[0]);
  say("holds");
}

async function opensEvidence() {
  // The pointer on the list holds it; only then is it known which row a click meets.
  await rows("a").first().hover();
  const id = (await ids("a"))[0];
  await rows("a").first().click();
  const evidence = page.getByTestId("evidence");
  await evidence.locator("table tbody tr").first().waitFor();
  await evidence.locator("svg path, svg circle").first().waitFor();
  const prints = await evidence.locator("[data-id]").count();
  const heads = await evidence.locator("table", { hasText: "observed" }).first().locator("th").allTextContents();
  assert.deepEqual(heads.filter(Boolean), ["check", "observed", "threshold", "margin"]);
  assert(prints > 0, "no member print is shown");
  assert(decodeURIComponent(new URL(page.url()).hash).includes(id), "the address holds no link to the row");
  const link = page.url();
  const other = await context.newPage();
  await other.goto(link);
  await other.getByTestId("evidence").locator("table tbody tr").first().waitFor({ timeout: WAIT_MS });
  await other.close();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await evidence.getByText("No row is open.").waitFor();
  await showsTheSelectedOnly();
  await leave();
  say("evidence", { id, prints });
}

/** While a row's evidence is fetched, what the row says stands there, and nothing of the row before it. */
async function showsTheSelectedOnly() {
  const evidence = page.getByTestId("evidence");
  await rows("a").first().hover();
  const [old] = await texts("a", 2);
  await rows("a").first().click();
  await evidence.locator("table tbody tr").first().waitFor();
  await page.route("**/api/**", () => undefined);
  await page.keyboard.press("Escape");
  await rows("t").first().hover();
  const contracts = await texts("t", 3);
  const other = contracts.findIndex((name) => name !== old);
  await rows("t").nth(other).click();
  await evidence.getByText("Fetching").waitFor();
  const shown = await evidence.textContent();
  assert(shown.startsWith(contracts[other]), `the panel shows ${shown.slice(0, 80)}`);
  assert(!shown.includes(old), "the panel shows the row before");
  await page.unroute("**/api/**");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
}

/** Esc takes back what was typed; an amount that is only visited stays to the dollar. */
async function filterKeeps(ticker) {
  const asked = (name) => new URL(page.url()).searchParams.get(name);
  await page.keyboard.press("/");
  await page.keyboard.type(ticker);
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("#filter").inputValue(), "");
  await page.keyboard.press("$");
  await page.keyboard.type("412,480");
  await page.keyboard.press("Enter");
  await until("the amount in the address", () => asked("min") === "412480");
  await page.keyboard.press("$");
  await page.keyboard.press("Tab");
  assert.deepEqual([asked("t"), asked("min")], [null, "412480"]);
  await page.keyboard.press("$");
  await page.keyboard.press("Control+A");
  await page.keyboard.press("Delete");
  await page.keyboard.press("Enter");
  await until("every premium again", () => asked("min") === null);
}

/** What is asked of alerts holds for every row that is shown, stands in the address, and is said where nothing is left. */
async function asksOfAlerts() {
  const asked = (name) => new URL(page.url()).searchParams.get(name);
  await page.keyboard.press("s");
  await page.locator("#severity").selectOption("high");
  await page.locator("#direction").selectOption("bullish");
  await until("the choices in the address", () => asked("sev") === "high" && asked("dir") === "bullish");
  await until("only alerts that are asked for", async () => {
    const shown = await rows("a").allInnerTexts();
    const high = await page.locator('[data-panel="a"] [data-id] [aria-label="high severity"]').count();
    if (shown.length === 0) return (await page.getByText(/No alerts of high severity that read as bullish/).count()) === 1;
    return high === shown.length && shown.every((text) => text.includes("bullish"));
  });
  await page.locator("#severity").selectOption("low");
  await page.locator("#direction").selectOption("any");
  await until("every alert again", async () => asked("sev") === null && asked("dir") === null && (await rows("a").count()) > 0);
  await page.keyboard.press("Escape");
}

async function filters() {
  const ticker = (await texts("t", 3))[0].split(" ")[0];
  await page.keyboard.press("/");
  await page.keyboard.type(ticker);
  await page.keyboard.press("Enter");
  await until("only the ticker's rows", async () => {
    const contracts = [...(await texts("t", 3)), ...(await texts("p", 2)), ...(await texts("a", 2))];
    return (await rows("t").count()) > 0 && contracts.every((name) => name.split(" ")[0].startsWith(ticker));
  });
  assert.equal(new URL(page.url()).searchParams.get("t"), ticker);
  await page.keyboard.press("/");
  await page.keyboard.press("Control+A");
  await page.keyboard.press("Delete");
  await page.keyboard.press("Enter");
  await until("other tickers again", async () => new Set((await texts("t", 3)).map((name) => name.split(" ")[0])).size > 1);
  await filterKeeps(ticker);
  await asksOfAlerts();
  say("filter", { ticker });
}

async function pauses() {
  await leave();
  await page.keyboard.press("Space");
  await page.waitForTimeout(150);
  const before = { a: await ids("a"), t: await ids("t") };
  const waiting = async () => Number((await page.getByTestId("paused").textContent()).replaceAll(/\D/g, ""));
  await until("rows wait", async () => (await waiting()) > 50);
  assert.deepEqual({ a: await ids("a"), t: await ids("t") }, before, "rows moved while paused");
  await page.keyboard.press("Space");
  await until("what waited enters", async () => (await ids("t"))[0] !== before.t[0]);
  assert.equal(await page.getByTestId("paused").count(), 0);
  say("pause");
}

async function survivesRestart() {
  say("restart");
  const link = page.getByTestId("connection");
  await link.filter({ hasText: "disconnected" }).waitFor();
  await lines.next();
  await link.filter({ hasText: /^ ?connected/ }).waitFor();
  const before = (await ids("t"))[0];
  await until("the tape moves again", async () => (await ids("t"))[0] !== before);
  say("reconnected");
}

async function reportsAlerts() {
  await lines.next();
  await page.keyboard.press("Space");
  await page.waitForTimeout(300);
  say("alerts", { ids: await scrollThrough("a"), elements: await page.locator("*").count(), heap_mb: await heapMb() });
  await page.keyboard.press("Space");
}

try {
  for (const step of [loads, moves, holdsUnderPointer, opensEvidence, filters, pauses, survivesRestart, reportsAlerts]) await step();
  assert.deepEqual(faults, [], "the page raised errors");
  say("done");
} catch (error) {
  await page.screenshot({ path: process.env.SCREENSHOT ?? "/tmp/undertow-browser-test.png" }).catch(() => undefined);
  say("failed", { error: String(error.stack), faults });
  process.exitCode = 1;
} finally {
  await browser.close();
  process.exit();
}
