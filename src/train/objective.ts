/** What an error of the model costs: the loss of a micro-step, in float32. */
import type { LossConfig } from "../config/mod.ts";
import { dims, type Tensor, tensor } from "../torch/mod.ts";
import { bellWeight, lossWeight } from "../wan/mod.ts";
import type { Problem } from "./batch.ts";

/** What a micro-step costs. */
export interface Cost {
  /** A scalar */
  readonly loss: Tensor;
  /** The error of each clip by the kind of the loss, without weights of noise levels and without other terms [B] */
  readonly perClip: Tensor;
}

/** The part of a problem that the loss looks at. */
export type Answer = Pick<Problem, "target" | "weights" | "frameSigmas" | "sigmas" | "clipWeights" | "shift">;

/**
 * The loss that the config describes: mean over clips of w(sigma) · weight of the clip ·
 * (error + temporal · consistency).
 * @param output the model's, [B, C, T, h, w]
 */
export function lossOf(output: Tensor, answer: Answer, loss: LossConfig): Cost {
  const { target, weights, sigmas, clipWeights, shift } = answer;
  const error = output.float().sub(target);
  const perClip = clipMeans(pointwise(error, loss), weights);
  let total = perClip;
  if (loss.temporal > 0 && error.size(2) > 1) total = total.add(consistency(error, answer), loss.temporal);
  const weightOf = weighting(loss.weighting, shift);
  const factors = sigmas.map((sigma, i) => weightOf(sigma) * (clipWeights[i] ?? 1));
  if (factors.some((factor) => factor !== 1)) total = total.mul(tensor(factors, { device: error.device }));
  return { loss: total.mean(), perClip: perClip.detach() };
}

/** Mean squared error of the velocity over the places that count. @returns a scalar */
export function flowLoss(output: Tensor, { target, weights }: Pick<Problem, "target" | "weights">): Tensor {
  return clipMeans(output.float().sub(target).square(), weights).mean();
}

/** Mean of [B, C, T, h, w] over all but the clips, with weights whose mean over a clip is 1. @returns [B] */
function clipMeans(cost: Tensor, weights: Tensor | undefined): Tensor {
  return (weights === undefined ? cost : cost.mul(weights)).mean([1, 2, 3, 4]);
}

/**
 * Near zero all kinds are the square of the error. Far from it `huber` is δ·(2·|e| − δ), and `pseudo-huber`
 * 2·δ·(√(e² + δ²) − δ), which has no kink.
 */
function pointwise(error: Tensor, { kind, delta }: LossConfig): Tensor {
  switch (kind) {
    case "mse":
      return error.square();
    case "huber": {
      const size = error.abs();
      const near = size.clamp(undefined, delta); // near · (2·|e| − near) is both halves
      return near.mul(size.mul(2).sub(near));
    }
    case "pseudo-huber":
      return error.square().add(delta * delta).sqrt().sub(delta).mul(2 * delta);
  }
}

/**
 * Squared error of the differences between neighbouring frames of the predicted clean latents. The clean latents are
 * x − sigma · velocity, so their error is sigma times the velocity's, with the sign turned. @returns [B]
 */
function consistency(error: Tensor, { frameSigmas, weights }: Answer): Tensor {
  const { T } = dims(error, "B C T h w");
  const clean = error.mul(frameSigmas);
  const steps = clean.narrow(2, 1, T - 1).sub(clean.narrow(2, 0, T - 1));
  return clipMeans(steps.square(), weights === undefined ? undefined : meanOne(weights.narrow(2, 1, T - 1)));
}

/** Weights [B, 1, T, …] scaled so that their mean over a clip is 1; a clip of which nothing counts stays 0. */
export function meanOne(weights: Tensor): Tensor {
  return weights.div(weights.mean([1, 2, 3, 4], true).clamp(1e-6));
}

/** The weight of a clip's loss by its noise level. */
function weighting(kind: LossConfig["weighting"], shift: number): (sigma: number) => number {
  switch (kind) {
    case "bell":
      return bellWeight(shift);
    case "sigma-sqrt":
      return (sigma) => lossWeight(sigma, "sigma_sqrt");
    case "none":
    case "cosmap":
      return (sigma) => lossWeight(sigma, kind);
  }
}
