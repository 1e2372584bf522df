import assert from "node:assert/strict";
import { join } from "node:path";
import { placeWeights } from "../../src/cli/sample/placement.ts";
import { openModel } from "../../src/wan/mod.ts";
import { ownGoldenDir } from "../support/paths.ts";
import { useTorch } from "../support/torch.ts";

await useTorch();

const MB = 2 ** 20;

Deno.test("placeWeights() keeps blocks in memory where they fit beside the work, else in their file", () => {
  // Each expert has 0.58 MiB of weights in float32, the VAE 0.5, the text encoder 0.28.
  const models = openModel(join(ownGoldenDir(), "checkpoints", "t2v_a14b"));
  const sizes = [{ width: 64, height: 64, numFrames: 5 }];
  const place = (freeBytes: number, blocks: "auto" | "resident" | "mapped" = "auto"): unknown[] => {
    const placed = placeWeights(models, { blocks, sizes, freeBytes, device: "cpu", dtype: "auto" });
    return [placed.dtype, placed.blocks, placed.keepBoth, placed.mapsText];
  };
  assert.deepEqual(place(100 * MB), ["float32", "resident", true, false]);
  assert.deepEqual(place(2 * MB), ["float32", "resident", false, false], "one expert at a time");
  assert.deepEqual(place(MB), ["float32", "mapped", true, true]);
  assert.deepEqual(place(100 * MB, "mapped"), ["float32", "mapped", true, true]);
  assert.deepEqual(place(MB / 4, "resident"), ["float32", "resident", false, true], "as it was wished");
});
