/**
 * Adapters held to a size: where the change of a weight grows beyond a norm, its factors are scaled back. Source: kohya-ss
 * networks/lora.py, apply_max_norm_regularization, whose norm is the Frobenius norm of the change as well.
 */
import { noGrad, type Tensor, tidy } from "../torch/mod.ts";
import type { AdapterData } from "./adapter_data.ts";

/**
 * Scales a LoRA or LoKr in place so that ‖ΔW‖ is at most `max`, both factors of a product alike. The change itself is never made
 * as a matrix, and the host does not wait for the device.
 */
export function capNorm({ kind, tensors, alpha }: AdapterData, max: number): void {
  const { down, up, w1, w2, w2_a, w2_b } = tensors;
  noGrad(() =>
    tidy(() => {
      if (kind === "lora" && down !== undefined && up !== undefined) {
        shrink([up, down], productNorm(up, down).mul((alpha ?? down.size(0)) / down.size(0)), max);
      } else if (kind === "lokr" && w1 !== undefined && w2 !== undefined) {
        shrink([w2], w1.norm().mul(w2.norm()), max);
      } else if (kind === "lokr" && w1 !== undefined && w2_a !== undefined && w2_b !== undefined) {
        const rank = w2_b.size(0);
        shrink([w2_a, w2_b], w1.norm().mul(productNorm(w2_a, w2_b)).mul((alpha ?? rank) / rank), max);
      }
    })
  );
}

/** ‖A·B‖ by the products of the small sides: ‖A·B‖² = Σ (AᵀA) ⊙ (B·Bᵀ). @param left [m, r] @param right [r, n] @returns a scalar */
function productNorm(left: Tensor, right: Tensor): Tensor {
  const inner = left.transpose(0, 1).matmul(left).mul(right.matmul(right.transpose(0, 1)));
  return inner.sum([]).clamp(0).sqrt();
}

/** Multiplies factors so that their product shrinks by max / norm where that is below 1. */
function shrink(factors: readonly Tensor[], norm: Tensor, max: number): void {
  const factor = norm.clamp(1e-12).reciprocal().mul(max).clamp(undefined, 1).pow(1 / factors.length);
  for (const tensor of factors) tensor.mul_(factor);
}
