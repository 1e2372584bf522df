import assert from "node:assert/strict";
import { flowLoss, makeProblem } from "../../src/train/batch.ts";
import { drawSigma } from "../../src/train/timesteps.ts";
import { Generator, ones, randn, tensor, zeros } from "../../src/torch/mod.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const train = {
  steps: 1,
  batchSize: 2,
  gradientAccumulation: 1,
  switchEvery: 1,
  seed: 11,
  timesteps: { law: "uniform", shift: 3, logitMean: 0, logitStd: 1 },
  maxGradNorm: 1,
  imageConditioning: 0,
} as const;
const place = { device: "cpu", dtype: "float32", patchSize: [1, 2, 2], microStep: 4 } as const;

function batch(): { latents: ReturnType<typeof zeros>; text: ReturnType<typeof zeros>[] } {
  using generator = Generator.seeded(1);
  return { latents: randn([2, 3, 3, 4, 4], { generator }), text: [ones([2, 8]), ones([5, 8])] };
}

Deno.test("makeProblem() mixes clean latents and noise by the drawn sigma", () => {
  leakFree(() => {
    const { latents, text } = batch();
    const { inputs, target, weights } = makeProblem({ latents, text }, { train, ...place });
    assert.equal(weights, undefined);
    const sigmas = [0, 1].map((index) => drawSigma(train.timesteps, { seed: 11, microStep: 4, index }));
    assert.deepEqual(inputs.timestep.toNumbers().map((t) => t.toFixed(2)), sigmas.map((s) => (s * 1000).toFixed(2)));
    // x = clean + sigma · (noise − clean)
    const sigma = tensor(sigmas, { shape: [2, 1, 1, 1, 1] });
    const distance = inputs.hiddenStates.sub(latents.add(target.mul(sigma))).abs().amax().item();
    assert(distance < 1e-5, `${distance}`);
  });
});

Deno.test("makeProblem() pads prompts with zero rows to the model's text length", () => {
  leakFree(() => {
    const { inputs } = makeProblem(batch(), { train, ...place });
    assert.deepEqual(inputs.encoderHiddenStates.shape, [2, 512, 8]);
    assert.equal(inputs.encoderHiddenStates.sum().item(), (2 + 5) * 8);
  });
});

Deno.test("makeProblem() draws other noise for another micro-step, the same for the same", () => {
  leakFree(() => {
    const problem = (microStep: number): ReturnType<typeof zeros> =>
      makeProblem(batch(), { train, ...place, microStep }).target;
    assert(problem(4).equal(problem(4)));
    assert(!problem(4).equal(problem(5)));
  });
});

Deno.test("makeProblem() with image conditioning keeps the first latent frame clean, at timestep 0 and out of the loss", () => {
  leakFree(() => {
    const { latents, text } = batch();
    const conditioned = { ...train, imageConditioning: 1 };
    const { inputs, target, weights } = makeProblem({ latents, text }, { train: conditioned, ...place });
    assert(inputs.hiddenStates.select(2, 0).equal(latents.select(2, 0)));
    assert(!inputs.hiddenStates.select(2, 1).equal(latents.select(2, 1)));
    assert.deepEqual(inputs.timestep.shape, [2, 3 * 2 * 2]);
    const tokens = inputs.timestep.toNumbers();
    assert(tokens.every((t, i) => (i % 12 < 4) === (t === 0)), "timestep 0 on the first frame's tokens alone");
    assert(weights !== undefined);
    // An error on the first frame costs nothing; the mean runs over the other frames.
    const wrongFirst = target.clone();
    wrongFirst.select(2, 0).add_(5);
    assert.equal(flowLoss(wrongFirst, { target, weights }).item(), 0);
    assert(Math.abs(flowLoss(target.add(2), { target, weights }).item() - 4) < 1e-5);
  });
});
