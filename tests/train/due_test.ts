import assert from "node:assert/strict";
import { isDue } from "../../src/train/due.ts";

const steps = (interval: Parameters<typeof isDue>[1], stepsPerEpoch: number): number[] =>
  Array.from({ length: 13 }, (_, step) => step).filter((step) => isDue(step, interval, { stepsPerEpoch }));

Deno.test("isDue() every few steps", () => {
  assert.deepEqual(steps({ everySteps: 5 }, 3), [0, 5, 10]);
});

Deno.test("isDue() every few epochs: after the step in which the last of them ends", () => {
  assert.deepEqual(steps({ everySteps: 5, everyEpochs: 1 }, 3), [0, 3, 6, 9, 12]);
  assert.deepEqual(steps({ everySteps: 5, everyEpochs: 2 }, 3), [0, 6, 12]);
  assert.deepEqual(steps({ everySteps: 5, everyEpochs: 1 }, 2.5), [0, 3, 5, 8, 10]);
  assert.deepEqual(steps({ everySteps: 5, everyEpochs: 1 }, 0.25), Array.from({ length: 13 }, (_, step) => step));
});
