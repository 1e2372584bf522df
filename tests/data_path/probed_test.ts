import assert from "node:assert/strict";
import { join } from "node:path";
import { FileFacts, fileState } from "../../src/data/file_facts.ts";
import { contentHash, packTimes, probedInfo, unpackTimes } from "../../src/data/probed.ts";
import { probe } from "../../src/media/mod.ts";
import { CLIPS } from "../support/media.ts";
import { withFolder } from "../support/tmp.ts";

Deno.test("what is known of every sample clip is exactly what a probe says", async () => {
  await withFolder(async (folder) => {
    const paths = [...Deno.readDirSync(CLIPS)].map(({ name }) => join(CLIPS, name))
      .filter((path) => !/\.(txt|jsonl)$/.test(path));
    const fresh = await Promise.all(paths.map((path) => probe(path)));
    for (let look = 0; look < 2; look++) {
      using facts = new FileFacts(folder);
      for (const [at, path] of paths.entries()) {
        const info = await probedInfo(fileState(path), { facts, signal: undefined });
        assert.deepEqual({ ...info, statedRate: info.statedRate }, fresh[at], path);
        assert.equal((await contentHash(fileState(path), facts)).length, 64);
      }
      assert.equal(facts.of(fileState(paths[0] ?? "")) === undefined, false);
    }
    const bytes = Deno.statSync(join(folder, "files.db")).size / paths.length;
    assert.ok(bytes < 4096, `${bytes} bytes a file`);
  });
});

Deno.test("packed times come back exactly, whatever their clock", () => {
  const steady = Array.from({ length: 5000 }, (_, k) => k * 1001 / 30000);
  const packed = packTimes(steady, [{ num: 30000, den: 1001 }]);
  assert.deepEqual(unpackTimes(packed), steady);
  assert.ok(JSON.stringify(packed).length < 60, JSON.stringify(packed));
  const uneven = [0, 0.05, 0.15000000000000002, Math.PI];
  assert.deepEqual(unpackTimes(packTimes(uneven, [{ num: 20, den: 1 }])), uneven);
  assert.deepEqual(unpackTimes(packTimes([], [{ num: 20, den: 1 }])), []);
});
