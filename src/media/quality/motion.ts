/** What changes from frame to frame. */

import type { FrameSize } from "./luma.ts";

/** Sides of the cells whose brightness is followed, in pixels. */
const CELL = 16;

/**
 * A frame counts as frozen when its luma differs from the frame before by no more than this in the mean: a thousandth of
 * the range, the -60 dB of ffmpeg's filter `freezedetect`.
 */
const FROZEN_BELOW = 0.255;

/** Follows frames one after the other. */
export class MotionFigures {
  readonly #size: FrameSize;
  #before: Float32Array | undefined;
  /** Brightness of the cells of the last two frames. */
  readonly #cells: Float64Array[] = [];
  #numFrames = 0;
  #changes = 0;
  #swings = 0;
  #frozen = 0;

  constructor(size: FrameSize) {
    this.#size = size;
  }

  /** Takes the next frame's luma [H, W], 0 to 255; it is kept until the one after. */
  add(luma: Float32Array): void {
    this.#numFrames++;
    if (this.#before !== undefined) {
      const change = meanDifference(this.#before, luma);
      this.#changes += change;
      if (change <= FROZEN_BELOW) this.#frozen++;
    }
    this.#before = luma;
    const cells = cellMeans(luma, this.#size);
    const [first, second] = this.#cells;
    if (first !== undefined && second !== undefined) {
      let sum = 0;
      cells.forEach((value, i) => sum += Math.abs((first[i] as number) - 2 * (second[i] as number) + value));
      this.#swings += sum / cells.length / 4;
      this.#cells.shift();
    }
    this.#cells.push(cells);
  }

  /**
   * Mean absolute change of a pixel's luma from one frame to the next, motion included; null for a single frame.
   * Source: VBench, temporal flickering (Huang et al., CVPR 2024), which is 1 − change / 255.
   */
  get change(): number | null {
    return this.#numFrames < 2 ? null : this.#changes / (this.#numFrames - 1);
  }

  /**
   * Flicker beyond motion: brightness that goes up and down again, as its amplitude in steps of luma. The brightness b of
   * each cell of 16 × 16 pixels is followed, and |b₋₁ − 2·b₀ + b₊₁| / 4 is averaged over cells and frames: b = c ± a in
   * turns gives a, while a fade, or a picture that slides over a cell at one speed, changes b evenly and gives nothing.
   * The definition is ours: VBench's figure with the second difference in place of the first, on cells. Null below three
   * frames.
   */
  get flicker(): number | null {
    return this.#numFrames < 3 ? null : this.#swings / (this.#numFrames - 2);
  }

  /** Frames that equal the one before them but for noise. */
  get frozenFrames(): number {
    return this.#frozen;
  }
}

function meanDifference(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs((a[i] as number) - (b[i] as number));
  return sum / a.length;
}

function cellMeans(luma: Float32Array, { width, height }: FrameSize): Float64Array {
  const columns = Math.ceil(width / CELL);
  const means = new Float64Array(columns * Math.ceil(height / CELL));
  for (let cell = 0; cell < means.length; cell++) {
    const top = Math.floor(cell / columns) * CELL;
    const left = cell % columns * CELL;
    const bottom = Math.min(top + CELL, height);
    const right = Math.min(left + CELL, width);
    let sum = 0;
    for (let y = top; y < bottom; y++) {
      for (let i = y * width + left; i < y * width + right; i++) sum += luma[i] as number;
    }
    means[cell] = sum / ((bottom - top) * (right - left));
  }
  return means;
}
