/**
 * AdamW tensor by tensor, each by the fused operator on float32 copies: for bfloat16 parameters, which it would round to the
 * nearest, and with both averages in a byte a weight. Source: arXiv:1711.05101; arXiv:2110.02861.
 */
import { full, ops, type Tensor, zeros, zerosLike } from "../torch/mod.ts";
import { BLOCK_SIZE, DynamicCode } from "./blockwise.ts";
import type { Optimizer } from "./optimizer.ts";
import type { RoundingOptions } from "./rounding.ts";
import { RuleOptimizer } from "./rule.ts";

/** Settings of `adamwByTensor`. */
export interface AdamWByTensorOptions extends RoundingOptions {
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
  /** `gradient` is Adam: weight decay × tensor is added to the gradient. Default `decoupled`. */
  readonly decay?: "decoupled" | "gradient";
  /** `8-bit` keeps the averages of tensors of at least 4096 values in blocks of bytes. Default `float32`. */
  readonly state?: "float32" | "8-bit";
}

/** Smaller tensors keep float32 averages: their bytes do not count, and norms and biases are sensitive. */
const SMALLEST_QUANTIZED = 4096;

type Slots = {
  /** Running average of the gradient: like the parameter, or codes [n] */
  readonly exp_avg: Tensor;
  readonly exp_avg_scale?: Tensor;
  /** Running average of its square; quantised, the root of it [n], whose small values have 14 decades instead of 7 */
  readonly exp_avg_sq: Tensor;
  readonly exp_avg_sq_scale?: Tensor;
};

/** An optimizer by AdamW or Adam. */
export function adamwByTensor(params: readonly Tensor[], options: AdamWByTensorOptions): Optimizer {
  const { betas: [beta1, beta2], eps, weightDecay, decay = "decoupled", state, rounding } = options;
  const device = params[0]?.device ?? "cpu";
  return new RuleOptimizer<Slots>(params, {
    rounding,
    slots: (param) =>
      state === "8-bit" && param.numel >= SMALLEST_QUANTIZED ? startQuantized(param) : {
        exp_avg: zerosLike(param),
        exp_avg_sq: zerosLike(param),
      },
    at: (step, learningRate) => {
      const codes = {
        average: new DynamicCode({ signed: true, device }),
        root: new DynamicCode({ signed: false, device }),
      };
      const fused = decay === "decoupled" ? ops._fused_adamw_ : ops._fused_adam_;
      const steps = [full([], step, { device }).handle];
      return ({ param, gradient, slots }) => {
        const { average, squares } = openMoments(slots, { codes, shape: param.shape });
        const [w, g, m, v] = [[param.handle], [gradient.handle], [average.handle], [squares.handle]];
        fused(w, g, m, v, [], steps, learningRate, beta1, beta2, weightDecay, eps, false, false);
        closeMoments(slots, { codes, average, squares });
      };
    },
  });
}

interface Codes {
  readonly average: DynamicCode;
  readonly root: DynamicCode;
}

function startQuantized(param: Tensor): Slots {
  const { numel, device } = param;
  const numBlocks = Math.ceil(numel / BLOCK_SIZE);
  // A scale of zero makes every code zero.
  return {
    exp_avg: zeros([numel], { dtype: "uint8", device }),
    exp_avg_scale: zeros([numBlocks], { device }),
    exp_avg_sq: zeros([numel], { dtype: "uint8", device }),
    exp_avg_sq_scale: zeros([numBlocks], { device }),
  };
}

/** The averages in float32: the slots themselves where they are, else fresh tensors. */
function openMoments(
  { exp_avg, exp_avg_scale, exp_avg_sq, exp_avg_sq_scale }: Slots,
  { codes, shape }: { codes: Codes; shape: readonly number[] },
): { average: Tensor; squares: Tensor } {
  if (exp_avg_scale === undefined || exp_avg_sq_scale === undefined) return { average: exp_avg, squares: exp_avg_sq };
  return {
    average: codes.average.dequantize({ codes: exp_avg, scales: exp_avg_scale }, shape),
    squares: codes.root.dequantize({ codes: exp_avg_sq, scales: exp_avg_sq_scale }, shape).square(),
  };
}

function closeMoments(
  slots: Slots,
  { codes, average, squares }: { codes: Codes; average: Tensor; squares: Tensor },
): void {
  if (slots.exp_avg_scale === undefined || slots.exp_avg_sq_scale === undefined) return;
  const first = codes.average.quantize(average), second = codes.root.quantize(squares.sqrt());
  slots.exp_avg.copy_(first.codes);
  slots.exp_avg_scale.copy_(first.scales);
  slots.exp_avg_sq.copy_(second.codes);
  slots.exp_avg_sq_scale.copy_(second.scales);
}
