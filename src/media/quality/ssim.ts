/**
 * Structural similarity of two pictures.
 * Source: Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural similarity",
 * IEEE Transactions on Image Processing 13 (4), 2004: equation 13 with the window, the constants and the mean of section
 * III-C; windows lie wholly inside the picture, which is not made smaller first.
 */

import type { FrameSize } from "./luma.ts";

const WINDOW = 11;
const SIGMA = 1.5;
const C1 = (0.01 * 255) ** 2;
const C2 = (0.03 * 255) ** 2;

const KERNEL = ((): Float64Array => {
  const middle = (WINDOW - 1) / 2;
  const values = Float64Array.from({ length: WINDOW }, (_, i) => Math.exp(-((i - middle) ** 2) / (2 * SIGMA ** 2)));
  const sum = values.reduce((total, value) => total + value, 0);
  return values.map((value) => value / sum);
})();

/**
 * The mean structural similarity of two pictures' luma.
 * @param a [H, W], 0 to 255
 * @param b like a
 * @returns at most 1, which is for equal pictures
 * @throws {RangeError} if a side is shorter than the window of 11 pixels
 */
export function ssim(a: Float32Array, b: Float32Array, size: FrameSize): number {
  const { width, height } = size;
  if (width < WINDOW || height < WINDOW) {
    throw new RangeError(`structural similarity wants sides of ${WINDOW} pixels and more, not ${width}x${height}`);
  }
  const meanA = blur(new Float64Array(a), size);
  const meanB = blur(new Float64Array(b), size);
  const squareA = blur(products(a, a), size);
  const squareB = blur(products(b, b), size);
  const cross = blur(products(a, b), size);
  let sum = 0;
  for (let i = 0; i < meanA.length; i++) {
    const [ma, mb] = [meanA[i] as number, meanB[i] as number];
    const varianceA = (squareA[i] as number) - ma * ma;
    const varianceB = (squareB[i] as number) - mb * mb;
    const covariance = (cross[i] as number) - ma * mb;
    sum += ((2 * ma * mb + C1) * (2 * covariance + C2)) /
      ((ma * ma + mb * mb + C1) * (varianceA + varianceB + C2));
  }
  return sum / meanA.length;
}

function products(x: Float32Array, y: Float32Array): Float64Array {
  const result = new Float64Array(x.length);
  for (let i = 0; i < x.length; i++) result[i] = (x[i] as number) * (y[i] as number);
  return result;
}

/** [H, W] → [H − 10, W − 10], weighted by the window: along rows, then along columns. */
function blur(x: Float64Array, { width, height }: FrameSize): Float64Array {
  const rows = new Float64Array(width * height);
  weigh(rows, x, { step: 1, length: width * height - WINDOW + 1 }); // what wraps around is left out below
  const columns = new Float64Array(width * height);
  weigh(columns, rows, { step: width, length: width * (height - WINDOW + 1) });
  const [w, h] = [width - WINDOW + 1, height - WINDOW + 1];
  const result = new Float64Array(w * h);
  for (let y = 0; y < h; y++) result.set(columns.subarray(y * width, y * width + w), y * w);
  return result;
}

/** sums[i] = Σ kernel[k] · x[i + k · step] for the first `length` of them. */
function weigh(sums: Float64Array, x: Float64Array, { step, length }: { step: number; length: number }): void {
  const [k0 = 0, k1 = 0, k2 = 0, k3 = 0, k4 = 0, k5 = 0] = KERNEL; // it is symmetric
  const at = (i: number): number => x[i] as number;
  for (let i = 0; i < length; i++) {
    const middle = i + 5 * step;
    sums[i] = k5 * at(middle) + k4 * (at(middle - step) + at(middle + step)) +
      k3 * (at(middle - 2 * step) + at(middle + 2 * step)) + k2 * (at(middle - 3 * step) + at(middle + 3 * step)) +
      k1 * (at(middle - 4 * step) + at(middle + 4 * step)) + k0 * (at(i) + at(i + 10 * step));
  }
}
