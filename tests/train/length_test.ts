import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/mod.ts";
import { settleSteps } from "../../src/train/length.ts";

function stepsOf(train: Record<string, number>): number {
  const text = JSON.stringify({ model: { weights: "." }, data: { sources: [{ path: "." }] }, train });
  return settleSteps(parseConfig(text, { path: "/nowhere/a.jsonc" }), { batchesPerEpoch: 10 }).train.steps;
}

Deno.test("settleSteps() counts epochs in optimizer steps, rounded up to whole ones", () => {
  assert.equal(stepsOf({ steps: 7 }), 7);
  assert.equal(stepsOf({ epochs: 3 }), 30);
  assert.equal(stepsOf({ epochs: 1, gradientAccumulation: 4 }), 3);
});

Deno.test("settleSteps() takes the shorter of steps and epochs", () => {
  assert.equal(stepsOf({ steps: 25, epochs: 3 }), 25);
  assert.equal(stepsOf({ steps: 35, epochs: 3 }), 30);
});
