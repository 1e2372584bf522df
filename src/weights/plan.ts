/** Deciding what is written of weights: names, types, scales. Nothing is loaded before its turn. */

import { listNames, WeightsError } from "../base/mod.ts";
import { type DType, isFloating, type Tensor, tensor, tidy, zeros } from "../torch/mod.ts";
import { isResidualVae, type ModelPart, type Naming, originalName } from "./identify.ts";
import type { Weights } from "./weights.ts";
import type { PlannedTensor } from "./write.ts";

/** Types that a model is saved in: one for all, or 8-bit floats with a scale for each Linear and the rest as it suits. */
export type SavedDType = "float32" | "bfloat16" | "float16" | "fp8_scaled";

/** The largest number of float8_e4m3fn. */
const FP8_MAX = 448;
/**
 * Linears inside of blocks: by far the most of a model, and all that readers apply scales to. The encoder's table of relative
 * positions lies among them and is an embedding, of which ComfyUI would take the codes for the numbers.
 * Source: ComfyUI comfy/ops.py (scales are read by Linear alone), comfy/text_encoders/t5.py, T5Attention
 */
const QUANTISED =
  /^(blocks\.\d+\.(attn[12]|ffn)\..*|encoder\.block\.\d+\.layer\.\d+\.(SelfAttention\.[qkvo]|DenseReluDense\.w\w+))\.weight$/;
/** What fp8 files hold in full: rounding it costs quality and saves nothing. */
const KEPT = /(scale_shift_table|time_embedder|norm|patch_embedding|relative_attention_bias)/;

/** How weights are written. */
export interface PlanOptions {
  readonly part: ModelPart;
  readonly naming: Naming;
  /** Absent: each tensor keeps its type. */
  readonly dtype?: SavedDType | undefined;
  /** Put before every name. */
  readonly prefix?: string | undefined;
}

/**
 * The tensors to write for weights under diffusers' names.
 * @throws {WeightsError} if some have no name in the wanted naming, or the part cannot be saved in fp8
 */
export function planTensors(weights: Weights, options: PlanOptions): PlannedTensor[] {
  const { dtype, prefix = "", part } = options;
  const names = namesOf(weights, options);
  if (dtype === "fp8_scaled" && part === "vae") {
    throw new WeightsError(`Cannot save ${weights.describe()} in fp8: VAEs lose too much by it`, {
      cure: "choose bfloat16",
    });
  }
  const planned = weights.keys().flatMap((key): PlannedTensor[] => {
    const name = prefix + (names.get(key) ?? key), shape = weights.shapeOf(key), stored = weights.dtypeOf(key);
    if (dtype === "fp8_scaled" && QUANTISED.test(key) && shape.length === 2) {
      return scaledTensors(weights, { key, name, shape });
    }
    const wanted = dtype !== "fp8_scaled" ? dtype : KEPT.test(key) ? "float32" : "bfloat16";
    const type: DType = wanted !== undefined && isFloating(stored) ? wanted : stored;
    return [{ name, dtype: type, shape, make: () => weights.load(key) }];
  });
  if (dtype !== "fp8_scaled") return planned;
  // the older spelling's marker; two elements say that activations stay in their own type
  const marker = (): Tensor => zeros([2]).to({ dtype: "float8_e4m3fn" });
  return [...planned, { name: `${prefix}scaled_fp8`, dtype: "float8_e4m3fn", shape: [2], make: () => tidy(marker) }];
}

function namesOf(weights: Weights, { part, naming }: PlanOptions): ReadonlyMap<string, string> {
  if (naming === "diffusers") return new Map();
  const residual = part === "vae" && isResidualVae(weights.keys());
  const names = new Map(weights.keys().map((key) => [key, originalName(key, { part, residual })]));
  const without = [...names].filter(([, name]) => name === undefined).map(([key]) => key);
  if (without.length === 0) return names as ReadonlyMap<string, string>;
  throw new WeightsError(
    `Cannot save ${weights.describe()} under the official names: ${listNames(without)} ${
      without.length === 1 ? "has" : "have"
    } none`,
    { cure: "save it in diffusers layout" },
  );
}

/** w ≈ fp8 · scale with one scale for the tensor: its largest number becomes the largest of the type. */
function scaledTensors(
  weights: Weights,
  { key, name, shape }: { key: string; name: string; shape: readonly number[] },
): PlannedTensor[] {
  let known: number | undefined; // the scale is written first; the weight is then read a second time
  const scale = (): number =>
    known ??= tidy(() => weights.load(key, { dtype: "float32" }).abs().amax([0, 1]).item() / FP8_MAX) || 1;
  return [
    {
      name: name.replace(/weight$/, "scale_weight"),
      dtype: "float32",
      shape: [],
      make: () => tensor([scale()], { shape: [] }),
    },
    {
      name,
      dtype: "float8_e4m3fn",
      shape,
      make: () =>
        tidy(() =>
          weights.load(key, { dtype: "float32" }).div(Math.fround(scale())).clamp(-FP8_MAX, FP8_MAX)
            .to({ dtype: "float8_e4m3fn" })
        ),
    },
  ];
}
