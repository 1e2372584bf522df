import assert from "node:assert/strict";
import { drawSigma } from "../../src/train/timesteps.ts";

const uniform = { law: "uniform", shift: 1, logitMean: 0, logitStd: 1 } as const;
const draws = (law: Parameters<typeof drawSigma>[0], count: number): number[] =>
  Array.from({ length: count }, (_, index) => drawSigma(law, { seed: 7, microStep: 0, index }));
const share = (values: readonly number[], above: number): number =>
  values.filter((value) => value >= above).length / values.length;

Deno.test("drawSigma() follows from seed, micro-step and index alone", () => {
  const draw = { seed: 3, microStep: 5, index: 1 };
  assert.equal(drawSigma(uniform, draw), drawSigma(uniform, draw));
  for (const other of [{ ...draw, seed: 4 }, { ...draw, microStep: 6 }, { ...draw, index: 2 }]) {
    assert.notEqual(drawSigma(uniform, draw), drawSigma(uniform, other));
  }
});

Deno.test("drawSigma() uniform with shift 5 puts 41.7 % above 0.875", () => {
  // 1 − u with S_5(u) = 0.875: u = 0.875 / (5 − 4 · 0.875) = 0.5833
  const values = draws({ ...uniform, shift: 5 }, 4000);
  assert(Math.abs(share(values, 0.875) - 0.417) < 0.03, `${share(values, 0.875)}`);
  assert(values.every((value) => value >= 0 && value < 1));
});

Deno.test("drawSigma() logit-normal has its median at S(sigmoid(mean)) and follows the spread", () => {
  const law = { law: "logit-normal", shift: 1, logitMean: -0.5, logitStd: 0.8 } as const;
  const values = draws(law, 4000);
  assert(Math.abs(share(values, 1 / (1 + Math.exp(0.5))) - 0.5) < 0.03);
  // One deviation above the mean: 15.87 % of a normal law.
  assert(Math.abs(share(values, 1 / (1 + Math.exp(0.5 - 0.8))) - 0.1587) < 0.025);
});

Deno.test("drawSigma() keeps to a range, and to the law inside it", () => {
  const draw = (microStep: number): number => drawSigma(uniform, { seed: 1, microStep, index: 0 }, [0.9, 1]);
  const drawn = Array.from({ length: 2000 }, (_, microStep) => draw(microStep));
  assert(drawn.every((sigma) => sigma >= 0.9 && sigma <= 1));
  const mean = drawn.reduce((sum, sigma) => sum + sigma, 0) / drawn.length;
  assert(Math.abs(mean - 0.95) < 0.003, String(mean)); // uniform in [0.9, 1]: standard error 0.00065
});
