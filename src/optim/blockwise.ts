/**
 * Tensors in a byte an element: blocks of 256 values, each block scaled by its largest, each value the nearest of 256 that
 * lie close together near zero. Source: arXiv:2110.02861, sections 2.1 and 2.2.
 */
import { cat, type Device, type Tensor, tensor, zeros } from "../torch/mod.ts";

/** Values that share a scale. */
export const BLOCK_SIZE = 256;

/** Divides a block of zeros. */
const SMALLEST_SCALE = 1e-30;

/** Decades that the code spans: the smallest values are near 10^−7 of a block's largest. */
const DECADES = 7;

/** A tensor in blocks. */
export interface Blockwise {
  /** [n] uint8, places in the code */
  readonly codes: Tensor;
  /** [⌈n / 256⌉] float32, the largest absolute value of each block */
  readonly scales: Tensor;
}

/**
 * The 256 values of a code, rising to 1. Every decade below 1 has twice as many values as the one below it, evenly spread:
 * a small value has a small error and a large one a small share. Zero and one are among them.
 * @param signed half of the values are negative; else twice as many are positive
 */
export function dynamicValues(signed: boolean): number[] {
  const values = [0, 1];
  for (let decade = 0; decade < DECADES; decade++) {
    const count = 2 ** (signed ? decade : decade + 1);
    for (let i = 0; i < count; i++) {
      const value = (0.1 + 0.9 * (i + 0.5) / count) * 10 ** (decade - DECADES + 1);
      values.push(value);
      if (signed) values.push(-value);
    }
  }
  return values.sort((a, b) => a - b);
}

/** A code on a device. Its tensors belong to the scope it is made in. */
export class DynamicCode {
  /** [256], rising */
  readonly #values: Tensor;
  /** Half way between neighbours [255] */
  readonly #middles: Tensor;

  constructor(options: { signed: boolean; device: Device }) {
    const values = dynamicValues(options.signed);
    const { device } = options;
    this.#values = tensor(values, { device });
    this.#middles = tensor(values.slice(1).map((value, i) => (value + (values[i] as number)) / 2), { device });
  }

  /** @param x any shape, float32 */
  quantize(x: Tensor): Blockwise {
    const missing = Math.ceil(x.numel / BLOCK_SIZE) * BLOCK_SIZE - x.numel;
    const flat = x.reshape([-1]);
    const padded = missing === 0 ? flat : cat([flat, zeros([missing], { device: x.device })]);
    const blocks = padded.reshape([-1, BLOCK_SIZE]);
    const scales = blocks.abs().amax([1], true);
    const places = blocks.div(scales.clamp(SMALLEST_SCALE)).bucketize(this.#middles);
    return { codes: places.reshape([-1]).narrow(0, 0, x.numel).to({ dtype: "uint8" }), scales: scales.reshape([-1]) };
  }

  /** @returns float32 of the shape given */
  dequantize({ codes, scales }: Blockwise, shape: readonly number[]): Tensor {
    const values = this.#values.indexSelect(0, codes.to({ dtype: "int32" }));
    return values.mul(scales.repeatInterleave(BLOCK_SIZE, 0).narrow(0, 0, values.numel)).reshape(shape);
  }
}
