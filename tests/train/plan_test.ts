import assert from "node:assert/strict";
import { keptBytes, makePlan, type PlanFacts } from "../../src/train/plan.ts";

const transformer = {
  patchSize: [1, 2, 2],
  numHeads: 2,
  headDim: 8,
  width: 16,
  inChannels: 4,
  outChannels: 4,
  textDim: 8,
  freqDim: 8,
  ffnDim: 32,
  numLayers: 4,
  eps: 1e-6,
} as const;
const facts: PlanFacts = { transformer, dtype: "float32", device: "cpu", numTokens: 10, freeBytes: 1e12 };
const numKept = (blocks: Parameters<typeof makePlan>[0], given: PlanFacts): number =>
  makePlan(blocks, given).filter((entry) => entry === "keep").length;

Deno.test("makePlan() does as it is told", () => {
  assert.deepEqual(makePlan("keep", facts), ["keep", "keep", "keep", "keep"]);
  assert.deepEqual(makePlan("recompute", facts), ["recompute", "recompute", "recompute", "recompute"]);
  assert.deepEqual(makePlan(1, facts), ["recompute", "recompute", "recompute", "keep"]);
});

Deno.test("makePlan() auto keeps as many blocks as half of the free memory holds", () => {
  assert.equal(numKept("auto", facts), 4);
  assert.equal(numKept("auto", { ...facts, freeBytes: 0 }), 0);
  assert.equal(numKept("auto", { ...facts, freeBytes: 2 * 2.5 * keptBytes(facts) }), 2);
});

Deno.test("keptBytes() halves what is in the model's dtype, not the float32 part", () => {
  const wide = keptBytes(facts), narrow = keptBytes({ ...facts, dtype: "bfloat16" });
  assert.equal(wide, 10 * ((40 * 16 + 6 * 32) * 4 + 12 * 16 * 4));
  assert.equal(narrow, 10 * ((40 * 16 + 6 * 32) * 2 + 12 * 16 * 4));
});
