/** Lion: steps of one size, by the sign of a running direction. Source: arXiv:2302.06675, algorithm 2. */
import { type Tensor, zerosLike } from "../torch/mod.ts";
import type { Optimizer } from "./optimizer.ts";
import type { RoundingOptions } from "./rounding.ts";
import { RuleOptimizer } from "./rule.ts";

/** Settings of `lion`. */
export interface LionOptions extends RoundingOptions {
  /** Shares of the average that stay: in the direction of a step, and in the average itself. */
  readonly betas: readonly [number, number];
  /** Decoupled: the tensor shrinks by learning rate × weight decay at each step. */
  readonly weightDecay: number;
}

/** An optimizer by Lion. */
export function lion(params: readonly Tensor[], options: LionOptions): Optimizer {
  const { betas: [beta1, beta2], weightDecay, rounding } = options;
  return new RuleOptimizer<{ readonly exp_avg: Tensor }>(params, {
    rounding,
    slots: (param) => ({ exp_avg: zerosLike(param) }),
    at: (_, learningRate) => ({ param, gradient, slots: { exp_avg: average } }) => {
      const direction = average.mul(beta1);
      direction.add_(gradient, 1 - beta1);
      if (weightDecay !== 0) param.mul_(1 - learningRate * weightDecay);
      param.sub_(direction.sign(), learningRate);
      average.lerp_(gradient, 1 - beta2);
    },
  });
}
