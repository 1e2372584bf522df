import assert from "node:assert/strict";
import { makeProblem } from "../../src/train/batch.ts";
import { flowLoss } from "../../src/train/objective.ts";
import { drawSigma, noiseLaw } from "../../src/train/timesteps.ts";
import { cat, Generator, ones, randn, type Tensor, tensor, zeros } from "../../src/torch/mod.ts";
import { trainSection } from "../support/train_config.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const train = trainSection({ batchSize: 2, seed: 11, timesteps: { law: "uniform", shift: 3 } });
const place = { device: "cpu", dtype: "float32", patchSize: [1, 2, 2], microStep: 4 } as const;

function batch(): { latents: ReturnType<typeof zeros>; text: ReturnType<typeof zeros>[] } {
  using generator = Generator.seeded(1);
  return { latents: randn([2, 3, 3, 4, 4], { generator }), text: [ones([2, 8]), ones([5, 8])] };
}

Deno.test("makeProblem() mixes clean latents and noise by the drawn sigma", () => {
  leakFree(() => {
    const { latents, text } = batch();
    const { inputs, target, weights, sigmas } = makeProblem({ latents, text }, { train, ...place });
    assert.equal(weights, undefined);
    const law = noiseLaw(train.timesteps, { frameTokens: 4 });
    const drawn = [0, 1].map((index) => drawSigma(law, { seed: 11, microStep: 4, index, ordinal: 8 + index }));
    assert.deepEqual(sigmas, drawn);
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

Deno.test("makeProblem() with a mask counts what it shows, each clip alike, and not the frame that is given", () => {
  leakFree(() => {
    const mask = zeros([2, 1, 3, 4, 4]);
    mask.select(0, 0).narrow(3, 0, 1).fill_(1); // of the first clip one column
    mask.select(0, 1).fill_(0.5); // of the second everything, by half
    const weightsOf = (imageConditioning: number): Tensor => {
      const problem = makeProblem({ ...batch(), mask }, { train: { ...train, imageConditioning }, ...place });
      assert(problem.weights !== undefined);
      return problem.weights;
    };
    const all = weightsOf(0);
    assert.deepEqual(all.mean([1, 2, 3, 4]).toNumbers(), [1, 1]);
    assert.deepEqual(all.select(0, 0).select(1, 0).select(1, 0).toNumbers(), [4, 0, 0, 0]);
    assert.deepEqual(all.select(0, 1).amax().item(), 1);
    const later = weightsOf(1);
    assert.equal(later.select(2, 0).sum().item(), 0);
    assert.equal(later.select(0, 1).select(1, 1).amax().item(), 1.5);
  });
});

Deno.test("makeProblem() puts the channels of given frames beside the noise, and counts all frames", () => {
  leakFree(() => {
    using generator = Generator.seeded(5);
    const known = cat([ones([2, 4, 1, 4, 4]), zeros([2, 4, 2, 4, 4])], 2);
    const condition = cat([known, randn([2, 3, 3, 4, 4], { generator })], 1);
    const { inputs, weights } = makeProblem({ ...batch(), condition }, { train, ...place });
    assert.equal(weights, undefined);
    assert.deepEqual(inputs.hiddenStates.shape, [2, 3 + 7, 3, 4, 4]);
    assert(inputs.hiddenStates.narrow(1, 3, 7).equal(condition));
    const noisy = makeProblem({ ...batch(), condition }, { train: { ...train, conditioningNoise: 0.1 }, ...place });
    const beside = noisy.inputs.hiddenStates.narrow(1, 3, 7);
    assert(beside.narrow(1, 0, 4).equal(known), "the mask stays");
    assert(beside.narrow(2, 1, 2).equal(condition.narrow(2, 1, 2)), "what is not given stays");
    assert(!beside.select(2, 0).equal(condition.select(2, 0)));
  });
});

Deno.test("makeProblem() mixes conditioning noise into a clean first frame, whose timestep stays 0", () => {
  leakFree(() => {
    const given = { ...train, imageConditioning: 1, conditioningNoise: 0.03 };
    const { latents, text } = batch();
    const { inputs } = makeProblem({ latents, text }, { train: given, ...place });
    // x = clean + share · (noise − clean), the share near 0.03 by a factor of e^(3 · 0.5) at most
    const off = inputs.hiddenStates.select(2, 0).sub(latents.select(2, 0)).square().mean().sqrt().item();
    assert(off > 0.03 / 5 && off < 0.03 * 5 * 1.5, `${off}`);
    assert.equal(inputs.timestep.narrow(1, 0, 4).amax().item(), 0);
  });
});

Deno.test("makeProblem() keeps to the range of an expert", () => {
  leakFree(() => {
    for (let microStep = 0; microStep < 20; microStep++) {
      const { sigmas } = makeProblem(batch(), { train, ...place, microStep, range: [0.875, 1] });
      assert(sigmas.every((sigma) => sigma >= 0.875 && sigma <= 1), `${sigmas}`);
    }
  });
});
