import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { roundStep } from "../../src/cli/data/histogram.ts";
import { html, safe } from "../../src/cli/data/html.ts";
import { withBrowser } from "../support/browser.ts";
import { wantune } from "../support/cli.ts";
import { CLIPS } from "../support/media.ts";
import { withFolder } from "../support/tmp.ts";

/** A name that would break out of markup, out of an attribute and out of a line. */
const NAME = `<img src=x onerror="alert(1)">'&.mp4`;

/** Runs `wantune data` on some clips and bad files; there is no model, only the name of a variant. */
async function report(folder: string, ...args: readonly string[]): Promise<string> {
  const path = join(folder, "my clips.jsonc");
  const clips = join(folder, "clips");
  Deno.mkdirSync(clips, { recursive: true });
  const names = ["city_night_tower.webm", "sintel_dunes.mp4", "cockatoo_profile_rot90.mov", "still_cat.jpg"];
  for (const name of names) {
    Deno.copyFileSync(join(CLIPS, name), join(clips, name));
    Deno.writeTextFileSync(join(clips, name.replace(/\.\w+$/, ".txt")), `A caption of ${name}, "quoted" & <tagged>`);
  }
  Deno.writeTextFileSync(join(clips, NAME), "no video");
  Deno.writeTextFileSync(join(clips, NAME.replace(/mp4$/, "txt")), "</td><script>alert(2)</script>");
  const config = {
    model: { weights: "not/there" },
    data: { sources: [{ path: clips }], resolution: 256, numFrames: 17, cache: { dir: join(folder, "cache") } },
    train: { steps: 1 },
  };
  Deno.writeTextFileSync(path, JSON.stringify(config));
  const { code, stdout, stderr } = await wantune(["data", path, "--variant", "wan2.2-ti2v-5b", ...args]);
  assert.equal(code, 0, stderr);
  return stdout;
}

Deno.test("data lists files, buckets and rejections with cures; --json is the same as a record", () =>
  withFolder(async (folder) => {
    const text = await report(folder);
    assert.match(text, /^sintel_dunes\.mp4 +640x272 +24 +3\.0 s /m);
    assert.match(text, /^4 files used, 1 rejected: \d+ items, /m);
    assert.match(text, /it is plain text/);
    const { totals, files, rejected } = JSON.parse(await report(folder, "--json"));
    assert.deepEqual([totals.used, files.length, rejected.length], [4, 4, 1]);
    assert.equal(rejected[0].path, join(folder, "clips", NAME));
  }));

Deno.test("data --html is one page that a browser shows without a complaint, crops drawn, nothing taken for markup", () =>
  withFolder(async (folder) => {
    const page = join(folder, "report.html");
    await report(folder, "--html", page);
    const source = Deno.readTextFileSync(page);
    assert.ok(!/<(script|link rel="stylesheet"|iframe)|https?:\/\//.test(source), "it needs something from elsewhere");
    await withBrowser(async (browser) => {
      const tab = await browser.newPage({ viewport: { width: 1200, height: 900 } });
      const complaints: string[] = [];
      tab.on("console", (message) => complaints.push(message.text()));
      tab.on("pageerror", (error) => complaints.push(String(error)));
      tab.on("dialog", (dialog) => complaints.push(dialog.message()));
      tab.on("request", (request) => {
        if (!/^(file|data):/.test(request.url())) complaints.push(request.url());
      });
      await tab.goto(pathToFileURL(page).href);
      await tab.evaluate("window.scrollTo(0, document.body.scrollHeight)"); // pictures load when they come into view
      assert.equal(await tab.title(), "my clips: data");
      assert.equal(await tab.locator("article").count(), 4);
      assert.equal(await tab.locator("td.path b").innerText(), NAME);
      await tab.waitForFunction("[...document.images].every((image) => image.complete && image.naturalWidth > 100)");
      assert.equal(await tab.locator(".strip img").count(), 4);
      // three frames of each clip and one of the still, each with what is dimmed and what is kept
      assert.equal(await tab.locator("svg path.outside").count(), 3 * 3 + 1);
      const wide = await tab.evaluate("document.documentElement.scrollWidth");
      assert.ok(Number(wide) <= 1200, `${wide} pixels wide`);
      for (const colorScheme of ["dark", "light"] as const) {
        await tab.emulateMedia({ colorScheme });
        const picture = await tab.screenshot({ fullPage: true });
        assert.ok(picture.length > 20_000);
        const kept = Deno.env.get("WANTUNE_SCREENSHOTS");
        if (kept) Deno.writeFileSync(join(kept, `data-${colorScheme}.png`), picture);
      }
      await tab.setViewportSize({ width: 390, height: 800 });
      assert.ok(
        Number(await tab.evaluate("document.documentElement.scrollWidth")) <= 390,
        "a phone has to scroll sideways",
      );
      assert.deepEqual(complaints, []);
    });
  }));

Deno.test("data names the cure where neither a model nor a variant says what sizes there are", () =>
  withFolder(async (folder) => {
    const path = join(folder, "a.jsonc");
    Deno.writeTextFileSync(path, '{"model":{"weights":"no"},"data":{"sources":[{"path":"."}]},"train":{"steps":1}}');
    const absent = await wantune(["data", path]);
    assert.equal(absent.code, 2);
    assert.match(
      absent.stderr,
      /^wantune: Cannot tell the sizes .* Name its variant with --variant: wan2\.2-ti2v-5b, /,
    );
    const unknown = await wantune(["data", path, "--variant", "wan2.2-ti2v-5"]);
    assert.match(unknown.stderr, /Did you mean "wan2\.2-ti2v-5b"\?\n$/);
  }));

Deno.test("html`` takes values for text, and markup for markup", () => {
  const inner = html`
    <i>${"&"}</i>
  `.text.trim();
  assert.equal(inner, "<i>&amp;</i>");
  assert.ok(html`
    <b title="${`"'><`}">${safe(inner)}</b>
  `.text.includes(`<b title="&quot;&#39;&gt;&lt;">`));
  assert.ok(html`
    <b>${safe(inner)}</b>
  `.text.includes(inner));
  assert.equal(
    html`
      ${"a\u0000b\u202ec"}
    `.text.trim(),
    "a\ufffdb\ufffdc",
  );
});

Deno.test("bins are of a round width", () => {
  assert.deepEqual([0.3, 1, 1.01, 7, 19, 2e5, 0, NaN].map(roundStep), [0.5, 1, 2, 10, 20, 2e5, 1, 1]);
});
