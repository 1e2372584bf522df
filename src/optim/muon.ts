/**
 * Muon: momentum of a matrix, made nearly orthogonal. For matrices only; biases and the like want another optimizer.
 * Source: torch.optim.Muon; Keller Jordan, "Muon: An optimizer for hidden layers in neural networks".
 */
import { ShapeError } from "../base/mod.ts";
import { addmm, type Tensor, tidy, zerosLike } from "../torch/mod.ts";
import type { Optimizer } from "./optimizer.ts";
import type { RoundingOptions } from "./rounding.ts";
import { RuleOptimizer } from "./rule.ts";

/** Settings of `muon`. */
export interface MuonOptions extends RoundingOptions {
  /** Decoupled: the tensor shrinks by learning rate × weight decay at each step. */
  readonly weightDecay: number;
  /** Share of the running average of gradients that stays at each step. */
  readonly momentum: number;
  /** Mixes the gradient into the average once more. */
  readonly nesterov: boolean;
  /** a, b, c of x → a·x + b·x³ + c·x⁵, which drives singular values towards one. */
  readonly coefficients: readonly [number, number, number];
  readonly iterations: number;
  /** Smallest norm to divide by. */
  readonly eps: number;
  /**
   * Factor on the step. `original`, the default: √max(1, rows/columns). `match-rms`: 0.2·√max(rows, columns), so that
   * steps are as large as AdamW's at the same rate; source: arXiv:2502.16982, section 2.2.
   */
  readonly scale?: "original" | "match-rms";
}

/** Singular values of an orthogonalised update lie around 1: the polynomial that Muon's author found by search. */
export const MUON_COEFFICIENTS = [3.4445, -4.775, 2.0315] as const;

/** An optimizer by Muon. @throws {ShapeError} if a tensor is no matrix */
export function muon(params: readonly Tensor[], options: MuonOptions): Optimizer {
  const { weightDecay, momentum, nesterov, rounding, scale = "original" } = options;
  for (const { shape } of params) {
    if (shape.length !== 2) {
      throw new ShapeError(`Muon cannot update a tensor of shape [${shape.join(", ")}]: it takes matrices only.`);
    }
  }
  return new RuleOptimizer<{ readonly momentum_buffer: Tensor }>(params, {
    rounding,
    slots: (param) => ({ momentum_buffer: zerosLike(param) }),
    at: (_, learningRate) => ({ param, gradient, slots: { momentum_buffer: buffer } }) => {
      buffer.lerp_(gradient, 1 - momentum);
      const direction = nesterov ? gradient.mul(1 - momentum).add(buffer, momentum) : buffer;
      param.mul_(1 - learningRate * weightDecay);
      const [rows, columns] = [param.size(0), param.size(1)];
      // The original gives a tall matrix larger steps, so that its outputs move as far as those of a wide one.
      const factor = scale === "original"
        ? Math.sqrt(Math.max(1, rows / columns))
        : 0.2 * Math.sqrt(Math.max(rows, columns));
      param.sub_(orthogonalize(direction, options), learningRate * factor);
    },
  });
}

/**
 * Newton–Schulz: the nearest matrix with orthogonal rows or columns, roughly (singular values within 0.7 … 1.2).
 * Every step is rounded to bfloat16. On a host the products between are made in single precision: the same numbers, and most
 * processors take many times as long for products of bfloat16.
 * @param x [R, C]
 * @returns [R, C] bfloat16
 */
export function orthogonalize(
  x: Tensor,
  options: Pick<MuonOptions, "coefficients" | "iterations" | "eps">,
): Tensor {
  const { coefficients: [a, b, c], iterations, eps } = options;
  const tall = x.size(0) > x.size(1);
  const half = x.to({ dtype: "bfloat16" });
  const wide = tall ? half.t() : half; // the smaller of the two Gram matrices
  const rounded = (y: Tensor): Tensor => x.device === "cpu" ? y.inType("bfloat16").float() : y;
  let now = tidy(() => rounded(wide.div(wide.norm().clamp(eps))));
  for (let i = 0; i < iterations; i++) {
    using before = now; // as wide as the parameter: one at a time
    now = tidy(() => {
      const gram = rounded(before.matmul(before.t()));
      const mixed = rounded(addmm(gram, { a: gram, b: gram, beta: b, alpha: c }));
      return rounded(addmm(before, { a: mixed, b: before, beta: a, alpha: 1 }));
    });
  }
  return (tall ? now.t() : now).inType("bfloat16");
}
