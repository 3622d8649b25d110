// Takes the README's screenshots from a running gateway: node tools/screenshots.mjs [URL] [OUTDIR]
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const { chromium } = createRequire(join(root, "frontend/package.json"))("playwright-core");
const [url = "http://127.0.0.1:8400", out = join(root, "docs/images")] = process.argv.slice(2);
const theme = process.env.THEME ?? "dark";
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

mkdirSync(out, { recursive: true });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
try {
  for (const [width, height] of [[1440, 900], [1920, 1080]]) {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme: theme });
    page.on("pageerror", (error) => console.error(`page error: ${error.stack}`));
    await page.addInitScript((name) => localStorage.setItem("undertow.theme", name), theme);
    await page.goto(url);
    const rows = page.locator('[data-panel="a"] [data-id]');
    await rows.first().waitFor({ timeout: 60_000 });
    // The first sweep of high severity, else the first of high severity, else the first.
    const high = page.locator('[data-panel="a"] [data-id]:has([aria-label="high severity"])');
    const swept = high.filter({ hasText: "sweep" });
    await ((await swept.count()) ? swept.first() : (await high.count()) ? high.first() : rows.first()).click();
    await page.locator('[data-testid="evidence"] table').first().waitFor({ timeout: 20_000 });
    await page.mouse.move(width - 4, 20);
    await page.evaluate(() => document.activeElement?.blur());
    await page.waitForTimeout(1_500);
    const path = join(out, `terminal-${width}x${height}.png`);
    await page.screenshot({ path });
    console.log(path);
    await page.close();
  }
} finally {
  await browser.close();
}
