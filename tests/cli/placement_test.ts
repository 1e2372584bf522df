import assert from "node:assert/strict";
import { join } from "node:path";
import { placeBlocks, placeWeights } from "../../src/cli/sample/placement.ts";
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

Deno.test("placeBlocks() keeps on a card what fits it, and streams the rest where the host has room", () => {
  // Weights of one expert of A14B in bfloat16, and work, in GiB
  const place = (freeOnCard: number, freeOnHost: number, choice: "auto" | "streamed" = "auto"): unknown[] => {
    const { blocks, keepBoth } = placeBlocks({ choice, weights: 28, work: 8, freeOnCard, freeOnHost });
    return [blocks, keepBoth];
  };
  assert.deepEqual(place(140, 128), ["resident", true]);
  assert.deepEqual(place(79, 128), ["resident", false], "one expert at a time");
  assert.deepEqual(place(23, 128), ["streamed", true]);
  assert.deepEqual(place(23, 60), ["streamed", false], "the host has room for one");
  assert.deepEqual(place(23, 30), ["mapped", true]);
  assert.deepEqual(place(140, 128, "streamed"), ["streamed", true], "as it was wished");
  assert.deepEqual(place(Infinity, 128), ["resident", false], "where libtorch cannot tell what is free");
});
