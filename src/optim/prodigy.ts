/**
 * Prodigy: AdamW whose step size d is estimated on the way from how far the weights have come along the gradients.
 * Source: arXiv:2306.06101, algorithm 4; github.com/konstmish/prodigy prodigy.py, Prodigy.
 */
import { full, type Tensor, unscoped, where, zeros, zerosLike } from "../torch/mod.ts";
import type { Optimizer } from "./optimizer.ts";
import type { RoundingOptions } from "./rounding.ts";
import { RuleOptimizer } from "./rule.ts";

/** Settings of `prodigy`. */
export interface ProdigyOptions extends RoundingOptions {
  readonly betas: readonly [number, number];
  readonly eps: number;
  /** Decoupled: the tensor shrinks by step size × weight decay at each step. */
  readonly weightDecay: number;
  /** The first estimate of d. */
  readonly d0: number;
  /** Factor on the estimate. */
  readonly dCoef: number;
  /** Largest factor by which d grows in a step; null sets no bound. */
  readonly growthRate: number | null;
  /** Corrects the averages for their start at zero. */
  readonly biasCorrection: boolean;
  /** Leaves the learning rate, and so a warm-up, out of the estimate's denominator. */
  readonly safeguardWarmup: boolean;
}

type Slots = { readonly exp_avg: Tensor; readonly exp_avg_sq: Tensor; readonly s: Tensor; readonly start: Tensor };

/** An optimizer by Prodigy; a learning rate of 1 is meant. The estimate stays on the parameters' device. */
export function prodigy(params: readonly Tensor[], options: ProdigyOptions): Optimizer {
  const { betas: [beta1, beta2], eps, weightDecay, d0, safeguardWarmup, rounding } = options;
  const beta3 = Math.sqrt(beta2);
  const device = params[0]?.device ?? "cpu";
  const like = { device, dtype: "float64" } as const;
  const [d, largest, numerator] = unscoped(() => [full([], d0, like), full([], d0, like), zeros([], like)]);
  const factorAt = (step: number): number =>
    options.biasCorrection ? Math.sqrt(1 - beta2 ** step) / (1 - beta1 ** step) : 1;
  // Of the step in hand, from `gather` to `at`.
  let denominator: Tensor | undefined;
  return new RuleOptimizer<Slots>(params, {
    rounding,
    ownRate: d,
    scalars: { d, d_max: largest, d_numerator: numerator },
    slots: (param) => ({
      exp_avg: zerosLike(param),
      exp_avg_sq: zerosLike(param),
      s: zerosLike(param),
      start: param.clone(),
    }),
    gather: (step, learningRate) => {
      const rate = learningRate * factorAt(step);
      numerator.mul_(beta3);
      const sum = denominator = zeros([], like);
      const relative = d.div(d0);
      return ({ param, gradient, slots: { exp_avg: average, exp_avg_sq: squares, s, start } }) => {
        if (rate === 0) return; // nothing moved, so nothing is learned
        numerator.add_(gradient.mul(start.sub(param)).sum().mul(relative).mul(d), rate);
        average.mul_(beta1);
        average.add_(gradient.mul(d), 1 - beta1);
        squares.mul_(beta2);
        squares.add_(gradient.square().mul(d.square()), 1 - beta2);
        s.mul_(beta3);
        s.add_(gradient.mul(relative.mul(d)), safeguardWarmup ? 1 : rate);
        sum.add_(s.abs().sum());
      };
    },
    at: (step, learningRate) => {
      const rate = d.mul(learningRate * factorAt(step)); // with d as it was
      if (learningRate > 0 && denominator !== undefined) grow({ d, largest, numerator, denominator, ...options });
      return ({ param, slots: { exp_avg: average, exp_avg_sq: squares } }) => {
        const root = squares.sqrt();
        root.add_(d.mul(eps));
        if (weightDecay !== 0) param.sub_(param.mul(rate), weightDecay);
        param.sub_(average.mul(rate).div(root));
      };
    },
  });
}

/** Takes the new estimate into d, which never shrinks; without any gradient so far it stays. */
function grow(
  { d, largest, numerator, denominator, d0, dCoef, growthRate }: {
    d: Tensor;
    largest: Tensor;
    numerator: Tensor;
    denominator: Tensor;
    d0: number;
    dCoef: number;
    growthRate: number | null;
  },
): void {
  const estimate = numerator.mul(dCoef).div(denominator);
  const now = where(denominator.eq(0), { a: d, b: estimate });
  const first = where(d.eq(d0), { a: d.maximum(now), b: d }); // the first estimate may leap
  largest.copy_(largest.maximum(now));
  d.copy_(largest.minimum(growthRate === null ? largest : first.mul(growthRate)));
}
