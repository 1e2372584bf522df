/**
 * Flow matching as WAN uses it. sigma in [0, 1] is the share of noise, the timestep a model sees is 1000 · sigma, and the
 * model predicts the velocity noise − latents.
 * Letters: `B` batch; the dimensions behind it are free.
 */
import { ShapeError } from "../base/mod.ts";
import type { Tensor } from "../torch/mod.ts";

/** Timesteps a model was trained with; a timestep is sigma times this. */
export const NUM_TRAIN_TIMESTEPS = 1000;

/**
 * Bends sigmas towards noise: s·σ / (1 + (s − 1)·σ). Two shifts in a row act like their product.
 * Source: diffusers scheduling_flow_match_euler_discrete.py, set_timesteps.
 */
export function shiftSigma(sigma: number, shift: number): number {
  return shift * sigma / (1 + (shift - 1) * sigma);
}

/** The sigma that `shiftSigma` bends to this one. */
export function unshiftSigma(sigma: number, shift: number): number {
  return sigma / (shift - (shift - 1) * sigma);
}

/** The sigmas of the training indices 0 … 999, falling from 1. */
export function trainingSigmas(shift: number): number[] {
  return Array.from(
    { length: NUM_TRAIN_TIMESTEPS },
    (_, index) => shiftSigma((NUM_TRAIN_TIMESTEPS - index) / NUM_TRAIN_TIMESTEPS, shift),
  );
}

/**
 * Forward noising: (1 − σ)·latents + σ·noise.
 * @param latents [B, …]
 * @param options.noise like latents
 * @param options.sigma one for all, or [B]
 * @returns like latents
 * @throws {ShapeError} if the noise or the sigmas do not fit the latents
 */
export function addNoise(latents: Tensor, options: { noise: Tensor; sigma: Tensor | number }): Tensor {
  const { noise, sigma } = options;
  checkSameShape(latents, noise);
  if (typeof sigma === "number") return latents.mul(1 - sigma).add(noise, sigma);
  const B = latents.size(0);
  if (sigma.ndim !== 1 || sigma.size(0) !== B) {
    throw new ShapeError(`Cannot add noise to ${B} samples: the sigmas are [${sigma.shape.join(", ")}], not [${B}].`);
  }
  const share = sigma.reshape([B, ...latents.shape.slice(1).map(() => 1)]); // [B, 1, …]
  return latents.mul(share.rsub(1)).add(noise.mul(share));
}

/** What the model learns to predict at every sigma: noise − latents. @throws {ShapeError} if the shapes differ */
export function velocityTarget(latents: Tensor, noise: Tensor): Tensor {
  checkSameShape(latents, noise);
  return noise.sub(latents);
}

function checkSameShape(latents: Tensor, noise: Tensor): void {
  const [wanted, found] = [latents.shape.join(", "), noise.shape.join(", ")];
  if (wanted !== found) throw new ShapeError(`Latents [${wanted}] were given noise of shape [${found}].`);
}
