/** Stochastic gradient descent. Source: torch.optim.SGD, whose momentum has no (1 − momentum) before the gradient. */
import { type Tensor, zerosLike } from "../torch/mod.ts";
import type { Optimizer } from "./optimizer.ts";
import type { RoundingOptions } from "./rounding.ts";
import { RuleOptimizer, withDecay } from "./rule.ts";

/** Settings of `sgd`. */
export interface SgdOptions extends RoundingOptions {
  /** Share of the last update that goes on; 0 (the default) keeps no state. */
  readonly momentum?: number;
  /** Share of a gradient that does not enter the momentum; not used on the first one. */
  readonly dampening?: number;
  /** Steps where the momentum is going to be. */
  readonly nesterov?: boolean;
  /** Added to the gradient. */
  readonly weightDecay?: number;
}

/** An optimizer that follows the gradient, with or without momentum. */
export function sgd(params: readonly Tensor[], options: SgdOptions = {}): Optimizer {
  const { momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 } = options;
  type Slots = { readonly momentum_buffer?: Tensor };
  return new RuleOptimizer<Slots>(params, {
    rounding: options.rounding,
    slots: (param) => momentum === 0 ? {} : { momentum_buffer: zerosLike(param) },
    at: (step, learningRate) => (update) => {
      const gradient = withDecay(update, weightDecay);
      const buffer = update.slots.momentum_buffer;
      if (buffer === undefined) return update.param.sub_(gradient, learningRate);
      buffer.mul_(momentum);
      buffer.add_(gradient, step === 1 ? 1 : 1 - dampening);
      update.param.sub_(nesterov ? gradient.add(buffer, momentum) : buffer, learningRate);
    },
  });
}
