import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { ConfigError } from "../../src/base/mod.ts";
import type { Dataset } from "../../src/data/mod.ts";
import { byChance, splitDataset, withHeldOutSources } from "../../src/train/held_out.ts";
import { prepare } from "../support/dataset.ts";
import { CLIPS } from "../support/media.ts";
import { withFolder } from "../support/tmp.ts";
import { useTorch } from "../support/torch.ts";
import { runConfig } from "../support/train_config.ts";

await useTorch();

const STILLS = ["still_cat.jpg", "still_coffee.png", "still_pagoda.jpg", "still_rocket.webp"];

/** Stills in `folder/a`, and copies of the first one: `again.jpg` beside it, and the only file of `folder/b`. */
async function withStills(body: (folder: string, dataset: Dataset) => void): Promise<void> {
  await withFolder(async (folder) => {
    const put = (from: string, to: string): void => {
      Deno.copyFileSync(join(CLIPS, from), join(folder, to));
      Deno.writeTextFileSync(join(folder, to.replace(/\.\w+$/, ".txt")), "a still");
    };
    for (const name of ["a", "b"]) Deno.mkdirSync(join(folder, name));
    for (const still of STILLS) put(still, `a/${still}`);
    put("still_cat.jpg", "a/again.jpg");
    put("still_cat.jpg", "b/cat.jpg");
    const values = {
      sources: [{ path: join(folder, "a") }, { path: join(folder, "b") }],
      resolution: { width: 64, height: 64 },
      numFrames: 1,
      captionDropout: 0,
    };
    const { dataset } = await prepare(values, { cacheDir: join(folder, "cache") });
    body(folder, dataset);
  });
}

const names = (part: Dataset | undefined): string[] =>
  Array.from(part?.items ?? [], ({ path }) => basename(path)).sort();

Deno.test("splitDataset() holds a share of the files out, copies on the same side, by the seed alone", () =>
  withStills((_, dataset) => {
    const split = (validation: Record<string, unknown>): ReturnType<typeof splitDataset> =>
      splitDataset(dataset, runConfig({ validation }));
    const sides = new Set<string>();
    for (let seed = 0; seed < 12; seed++) {
      const { training, heldOut } = split({ share: 0.25, seed });
      const held = names(heldOut);
      assert.equal(names(training).length + held.length, 6);
      const copies = ["again.jpg", "cat.jpg", "still_cat.jpg"].filter((name) => held.includes(name)).length;
      assert.ok(copies === 0 || copies === 3, `${held}`);
      assert.deepEqual(names(split({ share: 0.25, seed }).heldOut), held);
      sides.add(held.join());
    }
    assert.ok(sides.size > 1, "another seed chooses other files");
    assert.equal(splitDataset(dataset, runConfig()).heldOut, undefined);
  }));

Deno.test("splitDataset() holds sources of their own out, and what is the same among the clips for training", () =>
  withStills((folder, dataset) => {
    const config = runConfig({ validation: { sources: [{ path: join(folder, "b") }] } });
    const { training, heldOut } = splitDataset(dataset, config);
    assert.deepEqual(names(heldOut), ["again.jpg", "cat.jpg", "still_cat.jpg"]);
    assert.deepEqual(names(training), ["still_coffee.png", "still_pagoda.jpg", "still_rocket.webp"]);
    assert.deepEqual(withHeldOutSources(config).sources.map(({ path }) => basename(path)).at(-1), "b");
    const everything = runConfig({ validation: { sources: [{ path: folder }] } });
    assert.throws(() => splitDataset(dataset, everything), ConfigError);
  }));

Deno.test("byChance() keeps the order of what is there when something comes or goes", () => {
  const order = (items: string[]): string[] => byChance(items, 5, (item) => item);
  const all = order(["a", "b", "c", "d", "e"]);
  assert.deepEqual(order(["e", "d", "b", "a"]), all.filter((item) => item !== "c"));
  assert.notDeepEqual(byChance(all, 6, (item) => item), all);
});
