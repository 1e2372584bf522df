/** Sizes of videos and of their latents. */
import { ConfigError } from "../base/mod.ts";

/** A video in pixels. */
export interface VideoSize {
  readonly numFrames: number;
  readonly height: number;
  readonly width: number;
}

/** How a model divides a video. */
export interface Strides {
  readonly temporalStride: number;
  readonly spatialStride: number;
  /** Pixels that sides must be multiples of. */
  readonly spatialDivisor: number;
}

/**
 * The latent frames, rows and columns of a video.
 * @throws {ConfigError} if the model cannot make a video of this size, naming the nearest it can
 */
export function latentSize(size: VideoSize, strides: Strides): [number, number, number] {
  const { numFrames, height, width } = size;
  const { temporalStride: t, spatialStride: s, spatialDivisor: m } = strides;
  const isMultiple = (side: number): boolean => side > 0 && side % m === 0;
  if (numFrames < 1 || (numFrames - 1) % t !== 0) {
    const nearest = Math.max(0, Math.round((numFrames - 1) / t)) * t + 1;
    throw new ConfigError(`Cannot make a video of ${numFrames} frames: the number must be ${t}·n + 1`, {
      cure: `take ${nearest} frames`,
    });
  }
  if (!isMultiple(height) || !isMultiple(width)) {
    const nearest = (side: number): number => Math.max(1, Math.round(side / m)) * m;
    throw new ConfigError(`Cannot make a video of ${width}x${height} pixels: sides must be multiples of ${m}`, {
      cure: `take ${nearest(width)}x${nearest(height)}`,
    });
  }
  return [(numFrames - 1) / t + 1, height / s, width / s];
}
