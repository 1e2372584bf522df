/** Runners of golden cases about weight files. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { liveHandles } from "../../src/torch/mod.ts";
import { diffusersToOriginal, openWeights, originalToDiffusers, stripPrefix } from "../../src/weights/mod.ts";

interface OriginalCase {
  readonly checkpoint: string;
  readonly files: Record<string, { path: string }>;
}

/**
 * Kind `original_transformer`: every file under the official names holds exactly the checkpoint's tensors.
 * @param dir the folder that holds case.json
 */
export function runOriginalTransformerCase(dir: string): void {
  const before = liveHandles();
  const { checkpoint, files }: OriginalCase = JSON.parse(readFileSync(join(dir, "case.json"), "utf8"));
  const map: Record<string, string> = JSON.parse(
    readFileSync(join(dir, files.key_map?.path ?? "key_map.json"), "utf8"),
  );
  for (const [name, { path }] of Object.entries(files)) {
    if (!path.endsWith(".safetensors")) continue;
    const component = name.startsWith("transformer_2") ? "transformer_2" : "transformer";
    using original = openWeights(join(dir, path));
    using wanted = openWeights(join(dir, "..", "..", checkpoint, component));
    assert.equal(original.keys().length, wanted.keys().length, path);
    for (const key of original.keys()) {
      const bare = stripPrefix(key).key;
      const diffusers = originalToDiffusers(bare);
      assert.ok(diffusers !== undefined, `${key} has a diffusers name`);
      assert.equal(map[diffusers], bare);
      assert.equal(diffusersToOriginal(diffusers), bare);
      using ours = original.mapped(key);
      using theirs = wanted.mapped(diffusers);
      assert.ok(ours.equal(theirs), `${path}: ${key} equals ${diffusers}`);
    }
  }
  assert.equal(liveHandles(), before);
}
