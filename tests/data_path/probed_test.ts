import assert from "node:assert/strict";
import { join } from "node:path";
import { FileFacts, fileState } from "../../src/data/file_facts.ts";
import { contentHash, probedInfo } from "../../src/data/probed.ts";
import { probe } from "../../src/media/mod.ts";
import { CLIPS } from "../support/media.ts";
import { withFolder } from "../support/tmp.ts";

/** As it is kept: members that are undefined are absent. */
function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

Deno.test("what is known of every sample clip is exactly what a probe says", async () => {
  await withFolder(async (folder) => {
    const paths = [...Deno.readDirSync(CLIPS)].map(({ name }) => join(CLIPS, name))
      .filter((path) => !/\.(txt|jsonl)$/.test(path));
    const fresh = await Promise.all(paths.map((path) => probe(path)));
    for (let look = 0; look < 2; look++) {
      using facts = new FileFacts(folder);
      for (const [at, path] of paths.entries()) {
        const info = await probedInfo(fileState(path), { facts, version: "5", signal: undefined });
        assert.deepEqual(asJson(info), asJson(fresh[at]), path);
        assert.equal((await contentHash(fileState(path), facts)).length, 64);
      }
      assert.equal(facts.of(fileState(paths[0] ?? "")) === undefined, false);
    }
    const bytes = Deno.statSync(join(folder, "files.db")).size / paths.length;
    assert.ok(bytes < 4096, `${bytes} bytes a file`);
  });
});
