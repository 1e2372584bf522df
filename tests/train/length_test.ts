import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/mod.ts";
import { settleSteps, warnOfWarmUp } from "../../src/train/length.ts";

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

Deno.test("a run that ends before its learning rate is at its height is warned of", () => {
  const warnings = (steps: number, warmupSteps: number, own = {}): string[] => {
    const said: string[] = [];
    const text = {
      model: { weights: "." },
      data: { sources: [{ path: "." }] },
      train: { steps },
      optim: { warmupSteps, ...own },
    };
    const config = settleSteps(parseConfig(JSON.stringify(text), { path: "/nowhere/a.jsonc" }), {
      batchesPerEpoch: 10,
    });
    warnOfWarmUp(config, (event) => event.type === "warning" && said.push(`${event.message}: ${event.cure}`));
    return said;
  };
  assert.deepEqual(warnings(30, 30), [
    "the run ends before its learning rate is at its height: that rises over 30 steps, and the run takes 30: set " +
    "optim.warmupSteps to 3, or train longer",
  ]);
  assert.deepEqual([warnings(31, 30), warnings(5, 0), warnings(1, 1)], [[], [], []]);
  assert.deepEqual(warnings(10, 50, { name: "adafactor", relativeStep: true }), []);
});
