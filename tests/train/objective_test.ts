import assert from "node:assert/strict";
import { type Answer, lossOf } from "../../src/train/objective.ts";
import { Generator, ones, randn, type Tensor, tensor, zeros } from "../../src/torch/mod.ts";
import { trainSection } from "../support/train_config.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const SHAPE = [2, 3, 4, 2, 2] as const;
const SIGMAS = [0.25, 0.75];

/** A problem whose answer is zero, so that an output is its own error. */
function answer(weights?: Tensor): Answer {
  const frameSigmas = tensor(SIGMAS.flatMap((sigma) => [0, sigma, sigma, sigma]), { shape: [2, 1, 4, 1, 1] });
  return { target: zeros(SHAPE), weights, frameSigmas, sigmas: SIGMAS, clipWeights: [1, 1], shift: 5 };
}

function errors(scale = 1): { error: Tensor; values: number[] } {
  using generator = Generator.seeded(3);
  const error = randn(SHAPE, { generator }).mul(scale);
  return { error, values: error.toNumbers() };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const lossAt = (error: Tensor, loss: Record<string, unknown>, of = answer()): { loss: number; perClip: number[] } => {
  const cost = lossOf(error, of, trainSection({ loss }).loss);
  return { loss: cost.loss.item(), perClip: cost.perClip.toNumbers() };
};
const near = (found: number, wanted: number): void =>
  assert(Math.abs(found - wanted) < 1e-5 * Math.max(1, Math.abs(wanted)), `${found} is not ${wanted}`);

Deno.test("lossOf() by kind: the square, or the square near zero and a line beyond delta", () => {
  leakFree(() => {
    const { error, values } = errors(2);
    near(lossAt(error, {}).loss, mean(values.map((e) => e * e)));
    const huber = values.map((e) => Math.abs(e) <= 0.7 ? e * e : 0.7 * (2 * Math.abs(e) - 0.7));
    near(lossAt(error, { kind: "huber", delta: 0.7 }).loss, mean(huber));
    const pseudo = values.map((e) => 2 * 0.7 * (Math.sqrt(e * e + 0.49) - 0.7));
    near(lossAt(error, { kind: "pseudo-huber", delta: 0.7 }).loss, mean(pseudo));
  });
});

Deno.test("lossOf() tells the error of each clip, which weights of noise levels do not change", () => {
  leakFree(() => {
    const { error, values } = errors();
    const clips = [values.slice(0, 48), values.slice(48)].map((clip) => mean(clip.map((e) => e * e)));
    // 1/σ² = 16 and 16/9; 2 / (π (1 − 2σ + 2σ²)) = 3.2 / π at both
    const weighted: [string, number, number][] = [["sigma-sqrt", 16, 16 / 9], ["cosmap", 3.2 / Math.PI, 3.2 / Math.PI]];
    for (const [weighting, first, second] of weighted) {
      const { loss, perClip } = lossAt(error, { weighting });
      perClip.forEach((found, i) => near(found, clips[i] ?? NaN));
      near(loss, mean([first * (clips[0] ?? NaN), second * (clips[1] ?? NaN)]));
    }
  });
});

Deno.test("lossOf() counts each clip by its factor, and tells its error without", () => {
  leakFree(() => {
    const { error } = errors();
    const plain = lossAt(error, {}).perClip;
    const { loss, perClip } = lossAt(error, {}, { ...answer(), clipWeights: [3, 0.5] });
    assert.deepEqual(perClip, plain);
    near(loss, (3 * (plain[0] ?? NaN) + 0.5 * (plain[1] ?? NaN)) / 2);
  });
});

Deno.test("lossOf() counts each place by its weight", () => {
  leakFree(() => {
    const { error } = errors();
    using weights = zeros([2, 1, 4, 2, 2]);
    weights.narrow(3, 0, 1).fill_(2); // the upper row alone, with mean 1
    const upper = error.narrow(3, 0, 1).square().mean().item();
    near(lossAt(error, {}, answer(weights)).loss, upper);
    near(lossAt(error, { kind: "huber", delta: 100 }, answer(weights)).loss, upper);
  });
});

Deno.test("temporal consistency is the squared error of differences of predicted clean frames", () => {
  leakFree(() => {
    const { error } = errors();
    const of = answer();
    // By the definition: clean = x − σ·v, for the model's v and for the right one, and differences between frames.
    using generator = Generator.seeded(9);
    const x = randn(SHAPE, { generator });
    const steps = (velocity: Tensor): Tensor => {
      const clean = x.sub(velocity.mul(of.frameSigmas));
      return clean.narrow(2, 1, 3).sub(clean.narrow(2, 0, 3));
    };
    const term = steps(error).sub(steps(of.target)).square().mean().item();
    near(lossAt(error, { temporal: 0.5 }, of).loss, lossAt(error, {}, of).loss + 0.5 * term);
    // An error that is the same in all frames costs nothing more, where all frames have one noise level.
    const still = { ...of, frameSigmas: ones([2, 1, 4, 1, 1]) };
    near(lossAt(ones(SHAPE), { temporal: 7 }, still).loss, 1);
  });
});
