import assert from "node:assert/strict";
import { join } from "node:path";
import { WeightsError } from "../../src/base/mod.ts";
import { type CacheKey, cacheKey, TensorCache } from "../../src/data/cache.ts";
import { ensureCached } from "../../src/data/encode.ts";
import { full, type Tensor, tidy } from "../../src/torch/mod.ts";
import { withFolder } from "../support/tmp.ts";
import { useTorch } from "../support/torch.ts";

await useTorch();

const KEY = cacheKey("latents", { content: "a" });
const make = (value = 1): Promise<Tensor> => Promise.resolve(full([1, 2, 3], value));

/** Runs a body with an empty cache. */
async function withCache(body: (cache: TensorCache) => Promise<void>): Promise<void> {
  await withFolder((folder) => body(new TensorCache(join(folder, "cache"))));
}

/** Names of all files below a folder. */
function filesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesIn(join(folder, name)) : [name]
  );
}

Deno.test("cacheKey() changes with every part and not with their order", () => {
  assert.equal(cacheKey("text", { a: 1, b: { c: 2, d: 3 } }), cacheKey("text", { b: { d: 3, c: 2 }, a: 1 }));
  assert.notEqual(cacheKey("text", { a: 1 }), cacheKey("latents", { a: 1 }));
  assert.notEqual(cacheKey("text", { a: 1 }), cacheKey("text", { a: 2 }));
});

Deno.test("ensureCached() makes an entry once, and leaves nothing beside it", async () => {
  await withCache(async (cache) => {
    let made = 0;
    const job = { kind: "latents", key: KEY, make: () => (made++, make()) } as const;
    assert.equal(await ensureCached(cache, job, { wait: false }), true);
    assert.equal(await ensureCached(cache, job, { wait: false }), true);
    assert.equal(made, 1);
    assert.deepEqual(filesIn(cache.folder), [`${KEY}.safetensors`]);
    tidy(() => assert.deepEqual(cache.read("latents", KEY).toNumbers(), [1, 1, 1, 1, 1, 1]));
  });
});

Deno.test("a damaged entry is seen when it is read, and made again", async () => {
  await withCache(async (cache) => {
    await ensureCached(cache, { kind: "latents", key: KEY, make }, { wait: false });
    const path = cache.path("latents", KEY);
    const whole = Deno.readFileSync(path);
    for (const damaged of [whole.subarray(0, whole.length - 1), whole.subarray(0, 20), new Uint8Array(0)]) {
      Deno.writeFileSync(path, damaged);
      assert.throws(() => cache.read("latents", KEY), WeightsError);
      assert.equal(cache.has("latents", KEY), false);
      await ensureCached(cache, { kind: "latents", key: KEY, make: () => make(7) }, { wait: false });
      assert.deepEqual(tidy(() => cache.read("latents", KEY).toNumbers()), [7, 7, 7, 7, 7, 7]);
    }
  });
});

Deno.test("an entry under another's name is not taken", async () => {
  await withCache(async (cache) => {
    await ensureCached(cache, { kind: "latents", key: KEY, make }, { wait: false });
    const other = cacheKey("latents", { content: "b" });
    Deno.mkdirSync(join(cache.path("latents", other), ".."), { recursive: true });
    Deno.copyFileSync(cache.path("latents", KEY), cache.path("latents", other));
    assert.throws(() => cache.read("latents", other), /another's entry/);
    assert.equal(cache.has("latents", other), false);
  });
});

Deno.test("keys() lists whole entries alone", async () => {
  await withCache(async (cache) => {
    const shard = KEY.slice(0, 2);
    assert.deepEqual(cache.keys("latents", shard), new Set());
    const other = `${shard}${"0".repeat(62)}` as CacheKey;
    const keys = [KEY, other, cacheKey("latents", { content: "b" })];
    for (const key of keys) await ensureCached(cache, { kind: "latents", key, make }, { wait: false });
    const beside = join(cache.path("latents", KEY), "..");
    Deno.mkdirSync(beside, { recursive: true });
    for (const name of [`.${KEY}.safetensors.1-ab.tmp`, `${KEY}.safetensors.lock`, "notes.txt"]) {
      Deno.writeTextFileSync(join(beside, name), "");
    }
    assert.deepEqual(cache.keys("latents", shard), new Set([KEY, other]));
    assert.deepEqual(cache.keys("text", shard), new Set());
  });
});

Deno.test("ensureCached() leaves nothing behind when the encoder fails", async () => {
  await withCache(async (cache) => {
    const fail = (): Promise<Tensor> => Promise.reject(new Error("out of order"));
    await assert.rejects(
      ensureCached(cache, { kind: "latents", key: KEY, make: fail }, { wait: false }),
      /out of order/,
    );
    assert.deepEqual(filesIn(cache.folder), []);
    assert.throws(() => cache.read("latents", KEY), WeightsError);
  });
});

Deno.test("a claim keeps others off until it is given back; one that a kill left is void", async () => {
  await withCache(async (cache) => {
    {
      using claim = cache.claim("latents", KEY);
      assert.ok(claim);
      assert.equal(cache.claim("latents", KEY), undefined);
      assert.equal(await ensureCached(cache, { kind: "latents", key: KEY, make }, { wait: false }), false);
    }
    // what a kill leaves is a file that nobody holds
    Deno.writeTextFileSync(`${cache.path("latents", KEY)}.lock`, "");
    assert.equal(await ensureCached(cache, { kind: "latents", key: KEY, make }, { wait: false }), true);
    assert.deepEqual(filesIn(cache.folder), [`${KEY}.safetensors`]);
  });
});

Deno.test("ensureCached() waits for another process when it is told to", async () => {
  await withCache(async (cache) => {
    const claim = cache.claim("latents", KEY);
    const waiting = ensureCached(cache, { kind: "latents", key: KEY, make: () => make(9) }, { wait: true });
    await new Promise((resolve) => setTimeout(resolve, 50));
    tidy(() => cache.write("latents", KEY, full([1], 3)));
    claim?.[Symbol.dispose]();
    assert.equal(await waiting, true);
    assert.deepEqual(tidy(() => cache.read("latents", KEY).toNumbers()), [3]);
  });
});
