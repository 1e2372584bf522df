/** The two running averages that Adam's kin share. */
import { type Tensor, zerosLike } from "../torch/mod.ts";
import type { RoundingOptions } from "./rounding.ts";

/** Running averages of a gradient and of its square, from zero. */
export type Moments = { readonly exp_avg: Tensor; readonly exp_avg_sq: Tensor };

/** Settings that every kin of Adam has. */
export interface MomentOptions extends RoundingOptions {
  /** Shares of the two averages that stay at each step. */
  readonly betas: readonly [number, number];
  /** Added to the root of the second average. */
  readonly eps: number;
  readonly weightDecay?: number;
  /** Whether weight decay shrinks the tensor apart from the gradient; it is added to the gradient if not. */
  readonly decoupledWeightDecay?: boolean;
}

/** The averages of a parameter before the first step. */
export function startMoments(param: Tensor): Moments {
  return { exp_avg: zerosLike(param), exp_avg_sq: zerosLike(param) };
}

/**
 * Applies weight decay to the parameter or the gradient and takes the gradient into the averages.
 * @returns the gradient, with the decay if that is its place
 */
export function takeIn(
  { param, gradient, slots }: { param: Tensor; gradient: Tensor; slots: Moments },
  options: MomentOptions & { learningRate: number },
): Tensor {
  const { betas: [beta1, beta2], weightDecay = 0, decoupledWeightDecay = false, learningRate } = options;
  let taken = gradient;
  if (weightDecay !== 0) {
    if (decoupledWeightDecay) param.mul_(1 - learningRate * weightDecay);
    else taken = gradient.add(param, weightDecay);
  }
  slots.exp_avg.lerp_(taken, 1 - beta1);
  slots.exp_avg_sq.mul_(beta2);
  slots.exp_avg_sq.addcmul_(taken, taken, 1 - beta2);
  return taken;
}
