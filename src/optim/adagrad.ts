/** Adagrad: steps shrink with the sum of all squared gradients. Source: torch.optim.Adagrad, Duchi et al. 2011. */
import { type Tensor, zerosLike } from "../torch/mod.ts";
import type { Optimizer } from "./optimizer.ts";
import type { RoundingOptions } from "./rounding.ts";
import { RuleOptimizer, withDecay } from "./rule.ts";

/** Settings of `adagrad`. */
export interface AdagradOptions extends RoundingOptions {
  readonly eps: number;
  /** The learning rate of step t is divided by 1 + (t − 1) · this. */
  readonly learningRateDecay?: number;
  /** Added to the gradient. */
  readonly weightDecay?: number;
}

/** An optimizer by Adagrad. */
export function adagrad(params: readonly Tensor[], options: AdagradOptions): Optimizer {
  const { eps, learningRateDecay = 0, weightDecay = 0 } = options;
  return new RuleOptimizer<{ readonly sum: Tensor }>(params, {
    rounding: options.rounding,
    slots: (param) => ({ sum: zerosLike(param) }),
    at: (step, learningRate) => (update) => {
      const { param, slots: { sum } } = update;
      const gradient = withDecay(update, weightDecay);
      sum.addcmul_(gradient, gradient);
      const deviation = sum.sqrt();
      deviation.add_(eps);
      param.addcdiv_(gradient, deviation, -learningRate / (1 + (step - 1) * learningRateDecay));
    },
  });
}
