import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { random } from "../../src/base/mod.ts";
import { cacheStats, verifyCache } from "../../src/data/mod.ts";
import { wantuneCommand } from "../support/cli.ts";
import { CLIPS } from "../support/media.ts";
import { assertRefused, withWorkplace, type Workplace } from "../support/workplace.ts";

/** Kills that the fill has to survive; the full check is with 50. */
const KILLS = Number(Deno.env.get("WANTUNE_KILLS") ?? 8);
/** Small windows of real clips and stills. */
const NAMES = [
  "cockatoo_retreat_vfr.mp4",
  "hand_over_tree.avi",
  "plant_window_tilt.mp4",
  "still_cat.jpg",
  "tree_wind.avi",
];
const DATA = {
  sources: NAMES.map((name) => ({ path: join(CLIPS, name) })),
  resolution: 96,
  numFrames: 5,
  fps: 8,
  captionDropout: 0.1,
};

/** The entries of a cache, by their path in it. */
function entriesIn(folder: string): Map<string, Uint8Array> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".safetensors") && !name.includes(".tmp")
  );
  return new Map(names.sort().map((name) => [name, Deno.readFileSync(join(folder, name))]));
}

/** Fills a cache to its end. @returns what the last line says */
async function fill({ run }: Workplace, path: string): Promise<{ items: number; encoded: Record<string, number> }> {
  const { code, stdout, stderr } = await run(["cache", path, "--json"]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
}

function total(encoded: Record<string, number>): number {
  return Object.values(encoded).reduce((sum, count) => sum + count, 0);
}

Deno.test(`kill -9 of a fill at ${KILLS} random points: nothing half is ever there, and the end is that of an unbroken one`, () =>
  withWorkplace(async (workplace) => {
    const { config, env, folder } = workplace;
    const configOf = (dir: string): string => config(dir, { data: { ...DATA, cache: { dir: join(folder, dir) } } });
    const startedAt = performance.now();
    const { encoded } = await fill(workplace, configOf("whole"));
    const milliseconds = performance.now() - startedAt;
    const whole = entriesIn(join(folder, "whole"));
    assert.equal(whole.size, total(encoded));

    const path = configOf("broken");
    const broken = join(folder, "broken");
    Deno.mkdirSync(broken); // a kill may come before the fill makes it
    const seed = BigInt(Date.now());
    const numbers = random(seed);
    for (let kills = 0; kills < KILLS;) {
      const child = wantuneCommand(["cache", path], { cwd: folder, env, stdout: "null", stderr: "null" }).spawn();
      const timer = setTimeout(() => child.kill("SIGKILL"), numbers.next() * milliseconds);
      const { signal } = await child.status;
      clearTimeout(timer);
      if (signal === "SIGKILL") kills++;
      for (const [name, bytes] of entriesIn(broken)) assert.deepEqual(bytes, whole.get(name), `${name}, seed ${seed}`);
      if (signal === null) { // filled before it could be killed: some of it is to do again
        const keep = numbers.next();
        for (const name of entriesIn(broken).keys()) if (numbers.next() > keep) Deno.removeSync(join(broken, name));
      }
    }
    await fill(workplace, path);
    assert.deepEqual(entriesIn(broken), whole);
    assert.deepEqual(verifyCache(broken).damaged, []);
    assert.equal(total((await fill(workplace, path)).encoded), 0);
    const pruned = await workplace.run(["cache", "prune", broken]);
    assert.equal(pruned.code, 0, pruned.stderr);
    assert.equal(
      readdirSync(broken, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".lock")).length,
      0,
    );
  }));

Deno.test("two processes fill one cache: nothing is encoded twice, and both have all of it", () =>
  withWorkplace(async (workplace) => {
    const { config, folder } = workplace;
    const alone = config("alone", { data: { ...DATA, cache: { dir: join(folder, "alone") } } });
    const shared = config("shared", { data: { ...DATA, cache: { dir: join(folder, "shared") } } });
    const [one, a, b] = await Promise.all([
      fill(workplace, alone),
      fill(workplace, shared),
      fill(workplace, shared),
    ]);
    assert.deepEqual([a.items, b.items], [one.items, one.items]);
    assert.equal(total(a.encoded) + total(b.encoded), total(one.encoded), JSON.stringify([a.encoded, b.encoded]));
    assert.ok(total(a.encoded) > 0 && total(b.encoded) > 0, "one of them did all");
    assert.deepEqual(entriesIn(join(folder, "shared")), entriesIn(join(folder, "alone")));
  }));

Deno.test("cache verify finds a damaged entry and repairs it; the next fill makes it again", () =>
  withWorkplace(async (workplace) => {
    const { config, folder, run } = workplace;
    const path = config("cat", { data: { cache: { dir: join(folder, "own") } } });
    await fill(workplace, path);
    const own = join(folder, "own");
    const [name = "", bytes] = [...entriesIn(own)].find(([entry]) => entry.startsWith("latents")) ?? [];
    assert.ok(bytes);
    Deno.truncateSync(join(own, name), bytes.length - 4);
    assertRefused(
      await run(["cache", "verify", path]),
      3,
      /^wantune: Cannot trust the cache .*: 1 of its entries are damaged\. Run `wantune cache verify --repair`.*\n/m,
    );
    const repaired = JSON.parse((await run(["cache", "verify", path, "--repair", "--json"])).stdout);
    assert.deepEqual(repaired.damaged.map((entry: { path: string }) => entry.path), [join(own, name)]);
    assert.deepEqual((await fill(workplace, path)).encoded, { latents: 1, text: 0, condition: 0, mask: 0 });
    assert.deepEqual(Deno.readFileSync(join(own, name)), bytes);
    const stats = JSON.parse((await run(["cache", "stats", own, "--json"])).stdout);
    assert.deepEqual(stats, { ...cacheStats(own), knownFiles: 1, oldestUse: stats.oldestUse });
    await run(["cache", "prune", own, "--max", "0"]);
    assert.equal(cacheStats(own).total.entries, 0);
  }));
