/**
 * Schedule-free AdamW: gradients are taken between a fast sequence z and its weighted average x, at y = β₁·x + (1 − β₁)·z.
 * The parameters are y; x is what samples and files are made of. Source: arXiv:2405.15682, algorithm 1.
 */
import { type Tensor, unscoped, zeros, zerosLike } from "../torch/mod.ts";
import type { Optimizer } from "./optimizer.ts";
import type { RoundingOptions } from "./rounding.ts";
import { RuleOptimizer } from "./rule.ts";

/** Settings of `scheduleFree`. */
export interface ScheduleFreeOptions extends RoundingOptions {
  /** Where between z and x gradients are taken, above 0; share of the average square that stays at each step. */
  readonly betas: readonly [number, number];
  readonly eps: number;
  /** At y: the fast sequence shrinks by learning rate × weight decay × y at each step. */
  readonly weightDecay: number;
}

type Slots = { readonly z: Tensor; readonly exp_avg_sq: Tensor };

/** An optimizer by schedule-free AdamW; a step weighs in the average by the square of the largest rate so far. */
export function scheduleFree(params: readonly Tensor[], options: ScheduleFreeOptions): Optimizer {
  const { betas: [beta1, beta2], eps, weightDecay, rounding } = options;
  // On the host: reading them waits for no device.
  const [weightSum, largestRate] = unscoped(() => [zeros([], { dtype: "float64" }), zeros([], { dtype: "float64" })]);
  return new RuleOptimizer<Slots>(params, {
    rounding,
    scalars: { weight_sum: weightSum, lr_max: largestRate },
    slots: (param) => ({ z: param.clone(), exp_avg_sq: zerosLike(param) }),
    at: (step, learningRate) => {
      largestRate.fill_(Math.max(learningRate, largestRate.item()));
      const weight = largestRate.item() ** 2;
      weightSum.add_(weight);
      const fresh = weight === 0 ? 0 : weight / weightSum.item(); // the share of the newest z in x
      const unbias = 1 - beta2 ** step;
      return ({ param, gradient, slots: { z, exp_avg_sq: squares } }) => {
        squares.mul_(beta2);
        squares.addcmul_(gradient, gradient, 1 - beta2);
        const root = squares.div(unbias).sqrt();
        root.add_(eps);
        const direction = gradient.div(root);
        if (weightDecay !== 0) direction.add_(param, weightDecay);
        // Both at once: x moves towards the new z, and y follows x and z.
        param.lerp_(z, fresh);
        param.add_(direction, learningRate * (beta1 * (1 - fresh) - 1));
        z.sub_(direction, learningRate);
      };
    },
    average: (param, { z }) => param.add(z.sub(param), 1 - 1 / beta1),
  });
}
