/** RMSprop: gradients over their running root mean square. Source: torch.optim.RMSprop; centred: arXiv:1308.0850, eq. 38. */
import { type Tensor, zerosLike } from "../torch/mod.ts";
import type { Optimizer } from "./optimizer.ts";
import type { RoundingOptions } from "./rounding.ts";
import { RuleOptimizer, withDecay } from "./rule.ts";

/** Settings of `rmsprop`. */
export interface RmspropOptions extends RoundingOptions {
  /** Share of the running averages that stays at each step. */
  readonly alpha: number;
  /** Added to the root, not under it. */
  readonly eps: number;
  /** Share of the last update that goes on; 0 is none. */
  readonly momentum?: number;
  /** Divides by the standard deviation: the mean gradient is taken out. */
  readonly centered?: boolean;
  /** Added to the gradient. */
  readonly weightDecay?: number;
}

type Slots = { readonly square_avg: Tensor; readonly grad_avg?: Tensor; readonly momentum_buffer?: Tensor };

/** An optimizer by RMSprop. */
export function rmsprop(params: readonly Tensor[], options: RmspropOptions): Optimizer {
  const { alpha, eps, momentum = 0, centered = false, weightDecay = 0 } = options;
  return new RuleOptimizer<Slots>(params, {
    rounding: options.rounding,
    slots: (param) => ({
      square_avg: zerosLike(param),
      ...(centered ? { grad_avg: zerosLike(param) } : {}),
      ...(momentum > 0 ? { momentum_buffer: zerosLike(param) } : {}),
    }),
    at: (_, learningRate) => (update) => {
      const { param, slots: { square_avg: squares, grad_avg: mean, momentum_buffer: buffer } } = update;
      const gradient = withDecay(update, weightDecay);
      squares.mul_(alpha);
      squares.addcmul_(gradient, gradient, 1 - alpha);
      mean?.lerp_(gradient, 1 - alpha);
      const deviation = (mean === undefined ? squares : squares.addcmul(mean, mean, -1)).sqrt();
      deviation.add_(eps);
      if (buffer === undefined) return param.addcdiv_(gradient, deviation, -learningRate);
      buffer.mul_(momentum);
      buffer.addcdiv_(gradient, deviation);
      param.sub_(buffer, learningRate);
    },
  });
}
