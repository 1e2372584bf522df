import assert from "node:assert/strict";
import { ConfigError } from "../../src/base/mod.ts";
import { drawSigma, type NoiseLaw, noiseLaw, shareBetween, sigmaAt } from "../../src/train/timesteps.ts";
import { trainSection } from "../support/train_config.ts";

const law = (
  timesteps: Record<string, unknown>,
  options: { frameTokens?: number; range?: readonly [number, number] } = {},
): NoiseLaw => noiseLaw(trainSection({ timesteps }).timesteps, { frameTokens: 256, ...options });
const draws = (of: NoiseLaw, count: number, strata = 1): number[] =>
  Array.from({ length: count }, (_, i) => drawSigma(of, { seed: 7, microStep: 0, index: i, ordinal: i }, strata));
const share = (values: readonly number[], above: number): number =>
  values.filter((value) => value >= above).length / values.length;
const near = (found: number, wanted: number, by: number): void =>
  assert(Math.abs(found - wanted) < by, `${found} is not ${wanted}`);

const LAWS: readonly Record<string, unknown>[] = [
  { law: "uniform", shift: 1 },
  { law: "uniform", shift: 5 },
  { law: "logit-normal", shift: 3, logitMean: -0.5, logitStd: 0.8 },
  { law: "mode", shift: 1, modeScale: 1.29 },
  { law: "mode", shift: 2, modeScale: -0.5 },
];

Deno.test("drawSigma() follows from seed, micro-step and index alone", () => {
  const uniform = law({ law: "uniform", shift: 1 });
  const draw = { seed: 3, microStep: 5, index: 1, ordinal: 11 };
  assert.equal(drawSigma(uniform, draw), drawSigma(uniform, draw));
  for (const other of [{ ...draw, seed: 4 }, { ...draw, microStep: 6 }, { ...draw, index: 2 }]) {
    assert.notEqual(drawSigma(uniform, draw), drawSigma(uniform, other));
  }
});

Deno.test("drawSigma() uniform with shift 5 puts 41.7 % above 0.875", () => {
  // 1 − u with S_5(u) = 0.875: u = 0.875 / (5 − 4 · 0.875) = 0.5833
  const shifted = law({ law: "uniform", shift: 5 });
  near(shareBetween(shifted, 0.875, 1), 1 - 0.875 / 1.5, 1e-12);
  const values = draws(shifted, 4000);
  near(share(values, 0.875), 0.417, 0.03);
  assert(values.every((value) => value >= 0 && value < 1));
});

Deno.test("drawSigma() logit-normal has its median at S(sigmoid(mean)) and follows the spread", () => {
  const values = draws(law({ law: "logit-normal", shift: 1, logitMean: -0.5, logitStd: 0.8 }), 4000);
  near(share(values, 1 / (1 + Math.exp(0.5))), 0.5, 0.03);
  // One deviation above the mean: 15.87 % of a normal law.
  near(share(values, 1 / (1 + Math.exp(0.5 - 0.8))), 0.1587, 0.025);
});

Deno.test("draws of every law fall between two sigmas as often as shareBetween() says", () => {
  for (const settings of LAWS) {
    const of = law(settings);
    const values = draws(of, 3000);
    for (const [from, to] of [[0, 0.3], [0.3, 0.6], [0.6, 0.9], [0.9, 1]] as const) {
      const found = values.filter((value) => value >= from && value < to).length / values.length;
      near(found, shareBetween(of, from, to), 0.03);
    }
  }
});

Deno.test("a cut law keeps its shape: within the range, shares stand to each other as before", () => {
  for (const settings of LAWS) {
    const [whole, cut] = [law(settings), law({ ...settings, min: 0.2 }, { range: [0, 0.875] })];
    assert.deepEqual(cut.range, [0.2, 0.875]);
    near(shareBetween(cut, 0, 1), 1, 1e-12);
    const all = shareBetween(whole, 0.2, 0.875);
    for (const [from, to] of [[0.2, 0.4], [0.5, 0.8]] as const) {
      near(shareBetween(cut, from, to), shareBetween(whole, from, to) / all, 1e-9);
    }
    assert(draws(cut, 500).every((sigma) => sigma >= 0.2 && sigma < 0.875));
  }
});

Deno.test("sigmaAt() of 0 and 1 are the ends of the range", () => {
  for (const settings of LAWS) {
    const cut = law(settings, { range: [0.25, 0.75] });
    near(sigmaAt(cut, 0), 0.25, 1e-9);
    near(sigmaAt(cut, 1), 0.75, 1e-9);
  }
});

Deno.test("strata: as many draws in a row as there are strata fall one into each, in changing order", () => {
  for (const settings of LAWS) {
    const of = law(settings);
    const values = draws(of, 32, 8);
    const strata = values.map((sigma) => Math.floor(8 * shareBetween(of, 0, sigma) + 1e-9));
    const rows = [0, 8, 16, 24].map((at) => strata.slice(at, at + 8));
    for (const row of rows) assert.deepEqual([...row].sort(), [0, 1, 2, 3, 4, 5, 6, 7], `${row}`);
    assert.notDeepEqual(rows[0], rows[1]);
  }
});

Deno.test("shift resolution is exp(0.5) at 256 tokens of a frame, exp(1.15) at 4096, and grows between", () => {
  // diffusers pipeline_flux.py, calculate_shift: linear through (256, 0.5) and (4096, 1.15)
  const shiftAt = (frameTokens: number): number => law({ shift: "resolution" }, { frameTokens }).shift;
  near(shiftAt(256), Math.exp(0.5), 1e-12);
  near(shiftAt(4096), Math.exp(1.15), 1e-12);
  near(shiftAt(2176), Math.exp(0.825), 1e-12);
});

Deno.test("a range in which a law never draws is refused", () => {
  assert.throws(() => law({ min: 0.6, max: 0.4 }), ConfigError);
  assert.throws(() => law({ law: "logit-normal", logitMean: -15, shift: 1 }, { range: [0.9, 1] }), ConfigError);
});
