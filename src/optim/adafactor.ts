/**
 * Adafactor: the second average of a matrix as one row and one column, so that it takes hardly any memory.
 * Source: torch.optim.Adafactor, arXiv:1804.04235. `fairseqAdafactor` is the other form in use.
 * Letters: `R` rows and `C` columns, the last two dimensions.
 */
import { type DType, type Tensor, zeros, zerosLike } from "../torch/mod.ts";
import type { Optimizer } from "./optimizer.ts";
import type { RoundingOptions } from "./rounding.ts";
import { RuleOptimizer } from "./rule.ts";

/** Settings of `adafactor`. */
export interface AdafactorOptions extends RoundingOptions {
  /** The share of a new square in the average at step t is t to this power. */
  readonly beta2Decay: number;
  /** Smallest root of the average, null for the type's machine epsilon; and the smallest size a tensor counts as. */
  readonly eps: readonly [number | null, number];
  /** Largest root mean square of an update before the learning rate. */
  readonly clipThreshold: number;
  /** Decoupled: the tensor shrinks by learning rate × weight decay at each step. */
  readonly weightDecay: number;
}

type Slots = { readonly row_var?: Tensor; readonly col_var?: Tensor; readonly variance?: Tensor };

const MACHINE_EPSILON: Partial<Record<DType, number>> = {
  float64: 2 ** -52,
  float32: 2 ** -23,
  float16: 2 ** -10,
  bfloat16: 2 ** -7,
};

/** ‖x‖ / √n, a scalar tensor. */
export function rootMeanSquare(x: Tensor): Tensor {
  return x.norm().div(Math.sqrt(x.numel));
}

/** An optimizer by Adafactor; a step is as large as the tensor, times min(learning rate, 1/√t). */
export function adafactor(params: readonly Tensor[], options: AdafactorOptions): Optimizer {
  const { beta2Decay, eps: [eps1, eps2], clipThreshold, weightDecay } = options;
  return new RuleOptimizer<Slots>(params, {
    rounding: options.rounding,
    slots: (param) => {
      if (param.ndim < 2) return { variance: zerosLike(param) };
      const [outer, R, C] = [param.shape.slice(0, -2), param.size(-2), param.size(-1)];
      const { dtype, device } = param;
      return {
        row_var: zeros([...outer, R, 1], { dtype, device }),
        col_var: zeros([...outer, 1, C], { dtype, device }),
      };
    },
    at: (step, learningRate) => {
      const fresh = step ** beta2Decay;
      const rate = Math.min(learningRate, 1 / Math.sqrt(step));
      return ({ param, gradient, slots }) => {
        const floor = eps1 ?? MACHINE_EPSILON[param.dtype] ?? 0;
        const size = rootMeanSquare(param).clamp(eps2);
        if (weightDecay !== 0) param.mul_(1 - learningRate * weightDecay);
        const update = estimate(gradient, { slots, fresh, floor }).clamp(floor * floor).rsqrt();
        update.mul_(gradient);
        update.div_(rootMeanSquare(update).div(clipThreshold).clamp(1));
        update.mul_(size);
        param.sub_(update, rate);
      };
    },
  });
}

/** Takes the gradient into the averages. @returns the running average of its square, like it */
function estimate(gradient: Tensor, options: { slots: Slots; fresh: number; floor: number }): Tensor {
  const { slots: { row_var: rows, col_var: columns, variance }, fresh, floor } = options;
  const squares = gradient.square();
  if (rows === undefined || columns === undefined) {
    variance?.lerp_(squares, fresh);
    return (variance ?? squares).alias();
  }
  rows.lerp_(squares.mean([-1], true), fresh);
  columns.lerp_(squares.mean([-2], true), fresh);
  return rows.matmul(columns).div(rows.mean([-2], true).clamp(floor)); // [.., R, C]
}
