/** The system's Chromium, for tests that look at a page. */

import { type Browser, chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Where Chromium is: `WANTUNE_CHROMIUM`, else on the PATH. */
export function findChromium(): string | undefined {
  const own = Deno.env.get("WANTUNE_CHROMIUM");
  if (own) return own;
  for (const name of NAMES) {
    const { success, stdout } = new Deno.Command("sh", { args: ["-c", `command -v ${name}`] }).outputSync();
    if (success) return new TextDecoder().decode(stdout).trim();
  }
  return undefined;
}

/** Runs `body` with a browser. @returns false, with the reason printed, where there is none */
export async function withBrowser(body: (browser: Browser) => Promise<void>): Promise<boolean> {
  const executablePath = findChromium();
  if (executablePath === undefined) {
    // deno-lint-ignore no-console
    console.log(
      "skipped, there is no Chromium: install it with `apt-get install chromium` or name it in WANTUNE_CHROMIUM",
    );
    return false;
  }
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  try {
    await body(browser);
  } finally {
    await browser.close();
  }
  return true;
}
