/** Operators on several tensors, and the neural network ones. Arguments as in torch.nn.functional. */
import { check, type Handle } from "./call.ts";
import { type DType, dtypeCode } from "./dtype.ts";
import * as ops from "./gen/ops.ts";
import { native } from "./library.ts";
import { type Tensor, wrap, wrapAll } from "./tensor.ts";

export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  return wrap(ops.cat(tensors.map((x) => x.handle), dim));
}

/** The L2 norm of each tensor, in one call. */
export function norms(tensors: readonly Tensor[]): Tensor[] {
  return wrapAll(ops._foreach_norm_Scalar(tensors.map((tensor) => tensor.handle)));
}

export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  return wrap(ops.stack(tensors.map((x) => x.handle), dim));
}

/** Elements of `a` where the condition holds, of `b` elsewhere. */
export function where(condition: Tensor, options: { a: Tensor; b: Tensor }): Tensor {
  return wrap(ops.where_self(condition.handle, options.a.handle, options.b.handle));
}

/** real + i · imaginary, complex64. */
export function complex(real: Tensor, imaginary: Tensor): Tensor {
  return wrap(ops.complex(real.handle, imaginary.handle));
}

/** x · weightᵀ + bias, weight [out, in]. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  return wrap(ops.linear(x.handle, weight.handle, bias?.handle));
}

/** beta · x + alpha · a·b of matrices, rounded once; beta and alpha are 1 unless given. */
export function addmm(x: Tensor, options: { a: Tensor; b: Tensor; beta?: number; alpha?: number }): Tensor {
  return wrap(ops.addmm(x.handle, options.a.handle, options.b.handle, options.beta, options.alpha));
}

/** The same on the host, where it is several times as fast in bfloat16 on most processors. Source: ffi/linear.cpp */
export function hostLinear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  return wrap(check(native().symbols.wt_host_linear(x.handle, weight.handle, bias?.handle ?? 0)) as Handle);
}

/** Strides and paddings of a convolution, one number a dimension. */
export interface ConvOptions {
  readonly bias?: Tensor | undefined;
  readonly stride?: readonly number[];
  readonly padding?: readonly number[];
}

/** x [B, I, H, W], weight [O, I, h, w]. */
export function conv2d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  return wrap(ops.conv2d(x.handle, weight.handle, options.bias?.handle, options.stride, options.padding));
}

/** x [B, I, F, H, W], weight [O, I, f, h, w]. */
export function conv3d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  return wrap(ops.conv3d(x.handle, weight.handle, options.bias?.handle, options.stride, options.padding));
}

/** Normalises the last dimensions, whose sizes are `shape`. */
export function layerNorm(
  x: Tensor,
  shape: readonly number[],
  options: { weight?: Tensor | undefined; bias?: Tensor | undefined; eps: number },
): Tensor {
  return wrap(ops.layer_norm(x.handle, shape, options.weight?.handle, options.bias?.handle, options.eps));
}

/** x / rms(x) · weight over the last dimensions, whose sizes are `shape`. */
export function rmsNorm(x: Tensor, shape: readonly number[], options: { weight?: Tensor; eps: number }): Tensor {
  return wrap(ops.rms_norm(x.handle, shape, options.weight?.handle, options.eps));
}

export function silu(x: Tensor): Tensor {
  return wrap(ops.silu(x.handle));
}

/** GELU, exact or by tanh. */
export function gelu(x: Tensor, approximate: "none" | "tanh"): Tensor {
  return wrap(ops.gelu(x.handle, approximate));
}

/** Pads with a constant; `pads` starts at the last dimension: left, right, top, bottom, … */
export function pad(x: Tensor, pads: readonly number[], value = 0): Tensor {
  return wrap(ops.constant_pad_nd(x.handle, pads, value));
}

/** Nearest-exact resize of x [B, C, H, W] to `size` [H', W']. */
export function interpolateNearest(x: Tensor, size: readonly [number, number]): Tensor {
  return wrap(ops._upsample_nearest_exact2d(x.handle, size));
}

/** Rows of weight [V, C] for ids of any shape. */
export function embedding(weight: Tensor, ids: Tensor): Tensor {
  return wrap(ops.embedding(weight.handle, ids.handle));
}

/** softmax(q·kᵀ·scale + mask)·v over [B, N, L, D]; the scale is 1/√D unless given. */
export function scaledDotProductAttention(
  q: Tensor,
  k: Tensor,
  options: { v: Tensor; mask?: Tensor | undefined; scale?: number },
): Tensor {
  return wrap(
    ops.scaled_dot_product_attention(
      q.handle,
      k.handle,
      options.v.handle,
      options.mask?.handle,
      0,
      false,
      options.scale,
    ),
  );
}

/** mean((x − target)²), a scalar. */
export function mseLoss(x: Tensor, target: Tensor): Tensor {
  return wrap(ops.mse_loss(x.handle, target.handle));
}

/**
 * How a weight [out, in] is kept in fewer bits, with float32 scales. `rows`: codes [out, in], 8-bit integers or floats, times a
 * scale for each row. `nf4`: two codes a byte [out · in / 2], times a scale for each 64 numbers. Source: ffi/linear.cpp
 */
export type QuantizedKind = "rows" | "nf4";

/** A weight's codes and scales. */
export interface QuantizedTensors {
  readonly kind: QuantizedKind;
  readonly codes: Tensor;
  readonly scales: Tensor;
}

const KINDS: Record<QuantizedKind, number> = { rows: 0, nf4: 1 };

/**
 * x · wᵀ in x's dtype for a frozen weight that is decoded for this product, and once more for the gradient of x: graphs hold
 * codes alone.
 */
export function quantizedLinear(x: Tensor, weight: QuantizedTensors, out: number): Tensor {
  const { kind, codes, scales } = weight;
  const { symbols } = native();
  return wrap(check(symbols.wt_quantized_linear(x.handle, codes.handle, scales.handle, KINDS[kind], out)) as Handle);
}

/** The weight [out, in] in a floating type. */
export function dequantize(
  { kind, codes, scales }: QuantizedTensors,
  { shape: [out, width], dtype }: { shape: readonly [number, number]; dtype: DType },
): Tensor {
  const { symbols } = native();
  const code = dtypeCode(dtype);
  return wrap(check(symbols.wt_dequantize(codes.handle, scales.handle, KINDS[kind], out, width, code)) as Handle);
}
