/**
 * Adafactor in fairseq's form, which T5 was tuned with. It differs from torch's in where small numbers enter, in
 * momentum, and in steps that need no learning rate.
 * Source: transformers optimization.py, Adafactor; arXiv:1804.04235.
 * Letters: `R` rows and `C` columns, the last two dimensions.
 */
import { type Tensor, zeros, zerosLike } from "../torch/mod.ts";
import { rootMeanSquare } from "./adafactor.ts";
import type { Optimizer } from "./optimizer.ts";
import type { RoundingOptions } from "./rounding.ts";
import { RuleOptimizer } from "./rule.ts";

/** Settings of `fairseqAdafactor`. */
export interface FairseqAdafactorOptions extends RoundingOptions {
  /** What is added to squared gradients, and the smallest size a tensor counts as. */
  readonly eps: readonly [number, number];
  /** Largest root mean square of an update before the learning rate. */
  readonly clipThreshold: number;
  /** The share of a new square in the average at step t is t to this power. */
  readonly decayRate: number;
  /** Share of the last update that goes on; null keeps no momentum. */
  readonly beta1: number | null;
  /** Decoupled: the tensor shrinks by its step size × weight decay at each step. */
  readonly weightDecay: number;
  /** Makes steps as large as the tensor, times the learning rate. */
  readonly scaleParameter: boolean;
}

type Slots = {
  readonly exp_avg?: Tensor;
  readonly exp_avg_sq_row?: Tensor;
  readonly exp_avg_sq_col?: Tensor;
  readonly exp_avg_sq?: Tensor;
};

/** An optimizer by fairseq's Adafactor. */
export function fairseqAdafactor(params: readonly Tensor[], options: FairseqAdafactorOptions): Optimizer {
  const { eps: [eps1, eps2], clipThreshold, decayRate, beta1, weightDecay, scaleParameter } = options;
  return new RuleOptimizer<Slots>(params, {
    rounding: options.rounding,
    slots: (param) => ({ ...(beta1 === null ? {} : { exp_avg: zerosLike(param) }), ...startSquares(param) }),
    at: (step, rate) => {
      const kept = 1 - step ** decayRate;
      return ({ param, gradient, slots }) => {
        const size = scaleParameter ? rootMeanSquare(param).clamp(eps2).mul(rate) : rate;
        const update = inverseRoot(gradient.square().add(eps1), { slots, kept }).mul(gradient);
        update.div_(rootMeanSquare(update).div(clipThreshold).clamp(1));
        update.mul_(size);
        if (beta1 !== null) slots.exp_avg?.lerp_(update, 1 - beta1);
        if (weightDecay !== 0) param.sub_(param.mul(size), weightDecay);
        param.sub_(slots.exp_avg ?? update);
      };
    },
  });
}

/**
 * The rate of steps that need none to be set: min(0.01, 1/√t), or from nothing up, min(1e-6·t, 1/√t).
 * @param step t, counted from 1
 */
export function relativeRate(step: number, { warmupInit }: { warmupInit: boolean }): number {
  return Math.min(warmupInit ? 1e-6 * step : 1e-2, 1 / Math.sqrt(step));
}

function startSquares(param: Tensor): Slots {
  if (param.ndim < 2) return { exp_avg_sq: zerosLike(param) };
  const [outer, R, C] = [param.shape.slice(0, -2), param.size(-2), param.size(-1)];
  const { dtype, device } = param;
  return {
    exp_avg_sq_row: zeros([...outer, R], { dtype, device }),
    exp_avg_sq_col: zeros([...outer, C], { dtype, device }),
  };
}

/** Takes squared gradients into the averages. @returns 1/√average, like them */
function inverseRoot(squares: Tensor, options: { slots: Slots; kept: number }): Tensor {
  const { slots: { exp_avg_sq_row: rows, exp_avg_sq_col: columns, exp_avg_sq: whole }, kept } = options;
  if (rows === undefined || columns === undefined) {
    whole?.lerp_(squares, 1 - kept);
    return (whole ?? squares).rsqrt();
  }
  rows.lerp_(squares.mean([-1]), 1 - kept);
  columns.lerp_(squares.mean([-2]), 1 - kept);
  const rowFactor = rows.div(rows.mean([-1], true)).rsqrt().unsqueeze(-1); // [.., R, 1]
  return rowFactor.mul(columns.rsqrt().unsqueeze(-2)); // [.., R, C]
}
