/**
 * Laws by which noise levels are drawn for training, and weights of the loss at a noise level. Float64 on the host.
 * Source: diffusers training_utils.py, compute_density_for_timestep_sampling and compute_loss_weighting_for_sd3;
 * arXiv:2403.03206, section 3.1.
 */

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
