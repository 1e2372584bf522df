/** Runners of golden cases about model files of other families: they must give exactly the checkpoint's tensors. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { liveHandles } from "../../src/torch/mod.ts";
import {
  isResidualVae,
  type ModelPart,
  openPart,
  openWeights,
  originalName,
  type Weights,
} from "../../src/weights/mod.ts";
import { openCase } from "./golden.ts";

/** Kind `original_transformer`: one file for each expert, with and without ComfyUI's prefix. */
export function runOriginalTransformerCase(dir: string): void {
  runOriginalCase(dir, "transformer", (file) => file.startsWith("transformer_2") ? "transformer_2" : "transformer");
}

/** Kind `original_vae`: safetensors and torch pickle. */
export function runOriginalVaeCase(dir: string): void {
  runOriginalCase(dir, "vae", () => "vae");
}

/** Kind `original_text_encoder`: the official names, and those of transformers with the embedding's other name. */
export function runOriginalTextEncoderCase(dir: string): void {
  runOriginalCase(dir, "text_encoder", () => "text_encoder");
}

function runOriginalCase(dir: string, part: ModelPart, componentOf: (file: string) => string): void {
  const before = liveHandles();
  const golden = openCase(dir);
  const map = z.record(z.string(), z.string()).parse(
    JSON.parse(readFileSync(join(dir, golden.json.files.key_map?.path ?? "key_map.json"), "utf8")),
  );
  let compared = 0;
  for (const [name, { path }] of Object.entries(golden.json.files)) {
    if (path.endsWith(".json")) continue;
    const folder = join(golden.checkpoint, componentOf(name));
    using wanted = openWeights(folder);
    const { weights, found } = openPart(join(dir, path), part);
    using ours = weights;
    assert.deepEqual(found.surplus, [], path);
    assertSame(ours, wanted, path);
    const residual = isResidualVae(ours.keys());
    for (const [diffusers, original] of Object.entries(map)) {
      assert.equal(originalName(diffusers, { part, residual }), original);
      if (found.naming === "original") assert.equal(found.names.get(diffusers), found.prefix + original);
    }
    compared++;
  }
  assert.ok(compared > 0, "the case has files of weights");
  assert.equal(liveHandles(), before);
}

/** Asserts that two sources hold the same tensors, bit for bit, read and mapped. */
export function assertSame(ours: Weights, wanted: Weights, what: string): void {
  const names = (weights: Weights): string[] =>
    weights.keys().map((key) => key === "encoder.embed_tokens.weight" ? "shared.weight" : key).sort();
  assert.deepEqual([...new Set(names(ours))], [...new Set(names(wanted))], what);
  for (const key of ours.keys()) {
    assert.equal(ours.dtypeOf(key), wanted.dtypeOf(key), `${what}: ${key}`);
    using mine = ours.load(key), view = ours.mapped(key), theirs = wanted.load(key);
    assert.ok(mine.equal(theirs) && view.equal(theirs), `${what}: ${key}`);
  }
}
