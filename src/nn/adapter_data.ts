/** Adapters as files hold them, and what the kinds have in common. */
import type { Tensor } from "../torch/mod.ts";
import type { Adapter } from "./linear.ts";

/**
 * - `lora`: ΔW = (alpha / r) · up · down
 * - `lokr`: ΔW = scale · w1 ⊗ w2, each factor whole or a product of two
 * - `loha`: ΔW = (alpha / r) · (w1_a · w1_b) ⊙ (w2_a · w2_b)
 * - `diff`: ΔW as it is
 */
export type AdapterKind = "lora" | "lokr" | "loha" | "diff";

/** The tensors that a module's adapter may have. */
export type AdapterPart =
  | "down"
  | "up"
  | "w1"
  | "w1_a"
  | "w1_b"
  | "w2"
  | "w2_a"
  | "w2_b"
  /** ΔW itself [out, in], or a difference of the parameter's own shape */
  | "weight"
  /** Of the bias, [out] */
  | "bias"
  /** DoRA's: the lengths of the adapted weight's rows [out] or [out, 1], or of its columns [1, in] */
  | "magnitude";

/** The adapter of one module, read. */
export interface AdapterData {
  readonly kind: AdapterKind;
  readonly tensors: Readonly<Partial<Record<AdapterPart, Tensor>>>;
  /** Absent: the factor is 1. A LoRA always has one. */
  readonly alpha?: number | undefined;
}

/** An adapter that can also be worked into the weight it stands beside. */
export interface WeightAdapter extends Adapter {
  /** Factor on all that it does; 1 unless changed. */
  strength: number;
  /**
   * What it adds to the weight, strength included.
   * @param weight [out, in] without the adapter
   * @returns [out, in] float32; undefined if it leaves the weight alone
   */
  weightChange(weight: Tensor): Tensor | undefined;
  /** What it adds to the bias, strength included: [out] float32; undefined if nothing. */
  biasChange?(): Tensor | undefined;
}

/** A tensor in the type that a product with `x` needs. */
export function like(x: Tensor, tensor: Tensor): Tensor {
  return tensor.inType(x.dtype);
}

/** Each named by its part, for `params`. */
export function namedParts(tensors: AdapterData["tensors"]): ReadonlyMap<string, Tensor> {
  const entries = Object.entries(tensors).filter(([, tensor]) => tensor !== undefined);
  return new Map(entries as [string, Tensor][]);
}
