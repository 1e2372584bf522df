/** A video in figures, alone and beside another. */

import { countFrames, type FrameSize, lumaFrames } from "./luma.ts";
import { MotionFigures } from "./motion.ts";
import { psnr } from "./psnr.ts";
import { ssim } from "./ssim.ts";

/** Figures of one video. Luma runs from 0 to 255. */
export interface VideoFigures {
  readonly numFrames: number;
  readonly width: number;
  readonly height: number;
  /** Mean luma. */
  readonly brightness: number;
  /** Standard deviation of luma within a frame, mean of the frames. */
  readonly contrast: number;
  /** Variance of the Laplacian, see {@linkcode sharpness}; mean of the frames. */
  readonly sharpness: number;
  /** Mean absolute change of luma between frames; null for one frame. */
  readonly change: number | null;
  /** Amplitude of brightness that goes up and down, in luma, motion aside; null below three frames. */
  readonly flicker: number | null;
  /** Share of channel values that are 0, and that are 255. */
  readonly clippedDark: number;
  readonly clippedBright: number;
  /** Frames that equal the one before them but for noise. */
  readonly frozenFrames: number;
}

/** How close two videos are. */
export interface VideoComparison {
  /** In decibels, over all frames; infinity for equal videos. */
  readonly psnr: number;
  /** Mean and least structural similarity of the frames' luma. */
  readonly ssim: number;
  readonly worstSsim: number;
}

/**
 * The figures of a video.
 * @param pixels [F, H, W, 3], 0 to 255
 * @throws {RangeError} if the bytes are no whole number of frames
 */
export function describeVideo(pixels: Uint8Array, size: FrameSize): VideoFigures {
  const numFrames = countFrames(pixels, size);
  const motion = new MotionFigures(size);
  let brightness = 0;
  let contrast = 0;
  let sharp = 0;
  for (const luma of lumaFrames(pixels, size)) {
    const { mean, variance } = moments(luma);
    brightness += mean;
    contrast += Math.sqrt(variance);
    sharp += sharpness(luma, size);
    motion.add(luma);
  }
  const { dark, bright } = clipped(pixels);
  return {
    numFrames,
    width: size.width,
    height: size.height,
    brightness: brightness / numFrames,
    contrast: contrast / numFrames,
    sharpness: sharp / numFrames,
    change: motion.change,
    flicker: motion.flicker,
    clippedDark: dark / pixels.length,
    clippedBright: bright / pixels.length,
    frozenFrames: motion.frozenFrames,
  };
}

/**
 * How close two videos are.
 * @param a [F, H, W, 3], 0 to 255
 * @param b like a
 * @throws {RangeError} if they differ in size, or a side is shorter than 11 pixels
 */
export function compareVideos(a: Uint8Array, b: Uint8Array, size: FrameSize): VideoComparison {
  const signal = psnr(a, b);
  const others = lumaFrames(b, size);
  const values: number[] = [];
  for (const luma of lumaFrames(a, size)) {
    const { value: other } = others.next();
    if (other !== undefined) values.push(ssim(luma, other, size));
  }
  return {
    psnr: signal,
    ssim: values.reduce((sum, value) => sum + value, 0) / values.length,
    worstSsim: Math.min(...values),
  };
}

/**
 * Variance of the Laplacian (the four neighbours less four times the pixel) over a frame's inner pixels; 0 for frames
 * without any.
 * @param luma [H, W], 0 to 255
 * Source: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000 (LAPV)
 */
export function sharpness(luma: Float32Array, { width, height }: FrameSize): number {
  const at = (i: number): number => luma[i] as number;
  let sum = 0;
  let squares = 0;
  for (let y = 1; y < height - 1; y++) {
    for (let i = y * width + 1; i < (y + 1) * width - 1; i++) {
      const value = at(i - 1) + at(i + 1) + at(i - width) + at(i + width) - 4 * at(i);
      sum += value;
      squares += value * value;
    }
  }
  const count = (width - 2) * (height - 2);
  return width < 3 || height < 3 ? 0 : squares / count - (sum / count) ** 2;
}

function moments(x: Float32Array): { mean: number; variance: number } {
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < x.length; i++) { // an iterator takes ten times as long
    const value = x[i] as number;
    sum += value;
    squares += value * value;
  }
  const mean = sum / x.length;
  return { mean, variance: Math.max(0, squares / x.length - mean * mean) };
}

function clipped(pixels: Uint8Array): { dark: number; bright: number } {
  let dark = 0;
  let bright = 0;
  for (let i = 0; i < pixels.length; i++) {
    if (pixels[i] === 0) dark++;
    else if (pixels[i] === 255) bright++;
  }
  return { dark, bright };
}
