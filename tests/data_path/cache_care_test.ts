import assert from "node:assert/strict";
import { join } from "node:path";
import { type CacheKey, cacheKey, TensorCache } from "../../src/data/cache.ts";
import { cacheStats, pruneCache, verifyCache } from "../../src/data/cache_care.ts";
import { CacheLimit } from "../../src/data/cache_limit.ts";
import { packKeys } from "../../src/data/key_columns.ts";
import { CacheUse } from "../../src/data/uses.ts";
import type { EventBody } from "../../src/events/mod.ts";
import { full, tidy } from "../../src/torch/mod.ts";
import { withFolder } from "../support/tmp.ts";
import { useTorch } from "../support/torch.ts";

await useTorch();

const HOUR = 3600;
/** Bytes of an entry's numbers; its file has a header as well. */
const NUMBERS = 4096;

/** Runs a body with a cache of entries, each made an hour after the one before it, the last one now. */
async function withEntries(
  count: number,
  body: (cache: TensorCache, keys: CacheKey[]) => void | Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const cache = new TensorCache(folder);
    const keys = Array.from({ length: count }, (_, k) => cacheKey("latents", { content: String(k) }));
    keys.forEach((key, k) => {
      tidy(() => cache.write("latents", key, full([NUMBERS / 4], k)));
      const at = Date.now() / 1000 - (count - 1 - k) * HOUR;
      Deno.utimeSync(cache.path("latents", key), at, at);
    });
    await body(cache, keys);
  });
}

/** Which of the keys are still there. */
function there(cache: TensorCache, keys: readonly CacheKey[]): number[] {
  return keys.flatMap((key, k) => cache.has("latents", key) ? [k] : []);
}

Deno.test("pruneCache() removes what was not used for longest, down to the limit", async () => {
  await withEntries(6, async (cache, keys) => {
    const { total } = cacheStats(cache.folder);
    assert.deepEqual(total.entries, 6);
    (await CacheUse.begin(cache.folder, packKeys(keys.slice(0, 1))))[Symbol.dispose](); // the oldest was used just now
    const result = await pruneCache(cache.folder, { maxBytes: total.bytes / 2 });
    assert.deepEqual(there(cache, keys), [0, 4, 5]);
    assert.deepEqual([result.removed.entries, result.left.entries, result.held.entries], [3, 3, 0]);
    assert.ok(result.left.bytes <= total.bytes / 2);
    await pruneCache(cache.folder);
    assert.deepEqual(there(cache, keys), [0, 4, 5]);
    await pruneCache(cache.folder, { usedBefore: Date.now() - 0.5 * HOUR * 1000 });
    assert.deepEqual(there(cache, keys), [0, 5]);
  });
});

Deno.test("pruneCache() removes nothing that a run uses, in this process or another", async () => {
  await withEntries(6, async (cache, keys) => {
    using _own = await CacheUse.begin(cache.folder, packKeys(keys.slice(0, 2)));
    const holder = `
      const { CacheUse } = await import(${JSON.stringify(new URL("../../src/data/uses.ts", import.meta.url).href)});
      await CacheUse.begin(Deno.args[0], Uint8Array.fromHex(Deno.args.slice(1).join("")));
      console.log("holds");
      setInterval(() => {}, 1000);`;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-check", holder, "--", cache.folder, ...keys.slice(3, 4)],
      stdout: "piped",
    }).spawn();
    const output = child.stdout.getReader();
    await output.read();
    await pruneCache(cache.folder, { maxBytes: 0 });
    assert.deepEqual(there(cache, keys), [0, 1, 3]);
    assert.equal(cacheStats(cache.folder).held.entries, 3);
    child.kill("SIGKILL");
    await child.status;
    await output.cancel();
    await pruneCache(cache.folder, { maxBytes: 0 });
    assert.deepEqual(there(cache, keys), [0, 1], "the dead hold nothing");
  });
});

Deno.test("pruneCache() removes what kills left, and nothing of writers at work", async () => {
  await withEntries(1, async (cache, [key]) => {
    const path = cache.path("latents", key as CacheKey);
    const old = join(path, "..", ".a.safetensors.1-ab.tmp");
    const fresh = join(path, "..", ".b.safetensors.2-cd.tmp");
    const lock = join(path, "..", "c.safetensors.lock");
    for (const file of [old, fresh, lock]) Deno.writeTextFileSync(file, "");
    Deno.utimeSync(old, 1e9, 1e9);
    assert.equal(cacheStats(cache.folder).unfinished, 3);
    using claim = cache.claim("latents", key as CacheKey);
    assert.ok(claim);
    assert.equal((await pruneCache(cache.folder)).leftovers, 2);
    const names = [...Deno.readDirSync(join(path, ".."))].map(({ name }) => name).sort();
    assert.deepEqual(names, [`.b.safetensors.2-cd.tmp`, `${key}.safetensors`, `${key}.safetensors.lock`]);
  });
});

Deno.test("verifyCache() finds a single changed bit, a cut and a swap; repairing removes them alone", async () => {
  await withEntries(5, (cache, keys) => {
    const path = (k: number): string => cache.path("latents", keys[k] as CacheKey);
    assert.deepEqual(verifyCache(cache.folder).damaged, []);
    const bytes = Deno.readFileSync(path(1));
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    Deno.writeFileSync(path(1), bytes);
    Deno.truncateSync(path(2), 1000);
    Deno.copyFileSync(path(0), path(3));
    const { checked, damaged } = verifyCache(cache.folder);
    assert.equal(checked.entries, 5);
    assert.deepEqual(damaged.map((entry) => entry.path).sort(), [path(1), path(2), path(3)].sort());
    assert.deepEqual(there(cache, keys), [0, 1, 2, 3, 4]);
    verifyCache(cache.folder, { repair: true });
    assert.deepEqual(there(cache, keys), [0, 4]);
  });
});

Deno.test("a cache over its limit makes room as it grows, and says when what is in use is too much", async () => {
  await withEntries(6, async (cache, keys) => {
    const entry = cacheStats(cache.folder).total.bytes / 6;
    using _use = await CacheUse.begin(cache.folder, packKeys(keys.slice(0, 2)));
    const events: EventBody[] = [];
    const roomy = new CacheLimit(cache.folder, { maxGiB: 4 * entry / 2 ** 30 });
    await roomy.wrote(1);
    assert.equal(there(cache, keys).length, 6, "so little is not looked after");
    await roomy.wrote(entry);
    assert.deepEqual(there(cache, keys), [0, 1, 4, 5]);
    await roomy.end((event) => events.push(event));
    assert.equal(events.length, 0);
    const tight = new CacheLimit(cache.folder, { maxGiB: entry / 2 ** 30 });
    await tight.wrote(1);
    await tight.end((event) => events.push(event));
    assert.deepEqual(there(cache, keys), [0, 1]);
    assert.match(events.map((event) => event.type === "warning" ? event.message : "").join(), /more than data.cache/);
  });
});
