import assert from "node:assert/strict";
import { ShapeError } from "../../src/base/mod.ts";
import { ones, tensor, zeros } from "../../src/torch/mod.ts";
import { addNoise, shiftSigma, trainingSigmas, unshiftSigma, velocityTarget } from "../../src/wan/flow.ts";
import { goldenDir } from "../support/paths.ts";
import { runNoisingCase } from "../support/golden_wan.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const near = (a: number, b: number): void => assert(Math.abs(a - b) < 1e-12, `${a} is not ${b}`);

Deno.test("shiftSigma() keeps 0 and 1, composes by multiplying and is undone by unshiftSigma()", () => {
  for (const sigma of [0, 0.1, 0.5, 0.9, 1]) {
    near(shiftSigma(sigma, 1), sigma);
    near(shiftSigma(shiftSigma(sigma, 3), 4), shiftSigma(sigma, 12));
    near(unshiftSigma(shiftSigma(sigma, 5), 5), sigma);
  }
  near(shiftSigma(0, 5), 0);
  near(shiftSigma(1, 5), 1);
});

Deno.test("trainingSigmas() falls from 1 in 1000 steps", () => {
  const sigmas = trainingSigmas(5);
  assert.equal(sigmas.length, 1000);
  near(sigmas[0] as number, 1);
  assert(sigmas.every((sigma, i) => i === 0 || sigma < (sigmas[i - 1] as number)));
});

Deno.test("addNoise() gives latents at 0, noise at 1, and mixes each sample by its own sigma", () => {
  leakFree(() => {
    const latents = zeros([2, 3, 4]);
    const noise = ones([2, 3, 4]);
    assert(addNoise(latents, { noise, sigma: 0 }).equal(latents));
    assert(addNoise(latents, { noise, sigma: 1 }).equal(noise));
    const mixed = addNoise(latents, { noise, sigma: tensor([0.25, 0.75]) });
    assert.deepEqual(mixed.mean([1, 2]).toNumbers(), [0.25, 0.75]);
    assert.deepEqual(velocityTarget(noise, latents).sum().item(), -24);
  });
});

Deno.test("addNoise() refuses noise and sigmas of another shape", () => {
  leakFree(() => {
    const latents = zeros([2, 3]);
    assert.throws(() => addNoise(latents, { noise: zeros([2, 4]), sigma: 0.5 }), ShapeError);
    assert.throws(() => addNoise(latents, { noise: zeros([2, 3]), sigma: tensor([1, 0, 0]) }), ShapeError);
  });
});

Deno.test("golden flow_noising", () => leakFree(() => void runNoisingCase(`${goldenDir()}/cases/flow_noising`)));
