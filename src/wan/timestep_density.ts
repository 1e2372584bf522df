/**
 * Laws by which noise levels are drawn for training, and weights of the loss at a noise level. Float64 on the host.
 * Source: diffusers training_utils.py, compute_density_for_timestep_sampling and compute_loss_weighting_for_sd3;
 * arXiv:2403.03206, section 3.1.
 */
import { bisect, normalCdf, normalQuantile } from "../base/mod.ts";
import { trainingSigmas } from "./flow.ts";

/**
 * A law of u in [0, 1], before any shift.
 * - `none`: u is the uniform draw
 * - `logit-normal`: sigmoid(mean + std · n)
 * - `mode`: 1 − r − scale · (cos²(πr/2) − 1 + r), denser in the middle for a positive scale, at the ends for a negative
 */
export type TimestepDensity =
  | { readonly kind: "none" }
  | { readonly kind: "logit-normal"; readonly mean: number; readonly std: number }
  | { readonly kind: "mode"; readonly scale: number };

/** The u that a raw draw gives. @param raw standard normal for `logit-normal`, else uniform in [0, 1) */
export function timestepFrom(raw: number, density: TimestepDensity): number {
  switch (density.kind) {
    case "none":
      return raw;
    case "logit-normal":
      return 1 / (1 + Math.exp(-(density.mean + density.std * raw)));
    case "mode":
      return 1 - raw - density.scale * (Math.cos(Math.PI * raw / 2) ** 2 - 1 + raw);
  }
}

/** The share of a law's draws that lie below `t`: the inverse of {@linkcode densityQuantile}. @param t in [0, 1] */
export function densityCdf(t: number, density: TimestepDensity): number {
  if (t <= 0 || t >= 1) return t <= 0 ? 0 : 1;
  switch (density.kind) {
    case "none":
      return t;
    case "logit-normal":
      return normalCdf((Math.log(t / (1 - t)) - density.mean) / density.std);
    case "mode":
      return bisect((share) => densityQuantile(share, density) - t, { low: 0, high: 1 });
  }
}

/** The u below which a share of a law's draws lies. @param share in [0, 1] */
export function densityQuantile(share: number, density: TimestepDensity): number {
  switch (density.kind) {
    case "none":
      return share;
    case "logit-normal":
      return timestepFrom(normalQuantile(share), density);
    case "mode": // falls as its raw draw rises
      return timestepFrom(1 - share, density);
  }
}

/** How the loss of a sample is weighted: all alike, by 1/σ², or by 2 / (π·(1 − 2σ + 2σ²)). */
export type LossWeighting = "none" | "sigma_sqrt" | "cosmap";

/** The weight of the loss at a noise level. @param sigma in (0, 1] */
export function lossWeight(sigma: number, weighting: LossWeighting): number {
  switch (weighting) {
    case "none":
      return 1;
    case "sigma_sqrt":
      return sigma ** -2;
    case "cosmap":
      return 2 / (Math.PI * (1 - 2 * sigma + 2 * sigma * sigma));
  }
}

/**
 * The bell-shaped weight: exp(−2·(σ − ½)²) less its least value, scaled so that its mean over the 1000 training sigmas of
 * a shift is 1. Most at σ = ½, none at pure noise.
 * Source: DiffSynth-Studio diffsynth/diffusion/flow_match.py, set_training_weight
 */
export function bellWeight(shift: number): (sigma: number) => number {
  const bell = (sigma: number): number => Math.exp(-2 * (sigma - 0.5) ** 2);
  const values = trainingSigmas(shift).map(bell);
  const least = Math.min(...values);
  const mean = values.reduce((sum, value) => sum + value - least, 0) / values.length;
  return (sigma) => Math.max(0, bell(sigma) - least) / mean;
}
