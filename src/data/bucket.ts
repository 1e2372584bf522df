/**
 * Buckets: the few sizes into which clips are scaled and cut, so that batches are of one shape. Both sides of a bucket
 * are multiples of the model's divisor and its area stays within the square of the resolution.
 */

import { ConfigError } from "../base/mod.ts";
import type { Refusal } from "./codes.ts";
import { coverCrop, type Crop, type Size } from "../media/mod.ts";

/** Pictures may be enlarged up to this factor; above, detail is made up rather than learnt. Chosen. */
export const MAX_UPSCALE = 1.5;
/** A crop must keep at least this share of the picture. Chosen. */
export const MIN_KEPT = 0.25;

/** What decides the buckets. */
export interface BucketOptions {
  /** Side of the square whose area is the budget, or the one size there is. */
  readonly resolution: number | Size;
  /** Both sides are multiples of this. */
  readonly divisor: number;
  /** Largest ratio of the long to the short side. */
  readonly maxAspect: number;
}

/**
 * All buckets, the widest last: the square, and for each width the greatest height within the area, and the other way
 * round.
 * @throws {ConfigError} if a fixed size is no multiple of the divisor, or no bucket fits the area
 */
export function listBuckets({ resolution, divisor, maxAspect }: BucketOptions): Size[] {
  if (typeof resolution !== "number") {
    const { width, height } = resolution;
    if (width % divisor === 0 && height % divisor === 0) return [{ width, height }];
    const near = `${nearestMultiple(width, divisor)}x${nearestMultiple(height, divisor)}`;
    throw new ConfigError(
      `data.resolution: ${width}x${height} cannot be used, both sides must be multiples of ${divisor}`,
      {
        cure: `take ${near}`,
      },
    );
  }
  const area = resolution * resolution;
  const square = Math.floor(resolution / divisor) * divisor;
  const sizes = new Map<string, Size>();
  if (square > 0) sizes.set(`${square}x${square}`, { width: square, height: square });
  for (let short = divisor; short <= resolution; short += divisor) {
    const long = Math.floor(area / short / divisor) * divisor;
    if (long < short || long / short > maxAspect) continue;
    sizes.set(`${short}x${long}`, { width: short, height: long });
    sizes.set(`${long}x${short}`, { width: long, height: short });
  }
  if (sizes.size === 0) {
    throw new ConfigError(
      `data.resolution: ${resolution} cannot be used, the model's sides are multiples of ${divisor}`,
      {
        cure: `take ${divisor} or more`,
      },
    );
  }
  return [...sizes.values()].sort((a, b) => a.width / a.height - b.width / b.height || a.width - b.width);
}

/** The bucket whose shape is nearest (by ratio); the larger of two equally near. */
export function nearestBucket(size: Size, buckets: readonly Size[]): Size {
  const shape = Math.log(size.width / size.height);
  const off = (bucket: Size): number => Math.abs(Math.log(bucket.width / bucket.height) - shape);
  const [first, ...rest] = buckets;
  if (first === undefined) throw new RangeError("there is no bucket");
  return rest.reduce((best, bucket) => {
    const better = off(best) - off(bucket);
    const larger = bucket.width * bucket.height > best.width * best.height;
    return better > 1e-9 || (better > -1e-9 && larger) ? bucket : best;
  }, first);
}

/** Into which bucket a picture goes and how it is cut, or why it does not. */
export type Fit = { readonly crop: Crop } | Refusal;

/** Fits a picture of the shown size into the nearest bucket. */
export function fitToBucket(size: Size, options: BucketOptions & { readonly buckets: readonly Size[] }): Fit {
  const bucket = nearestBucket(size, options.buckets);
  const crop = coverCrop(size, bucket);
  const shape = `${size.width}x${size.height}`;
  const kept = (crop.width * crop.height) / (crop.scaledWidth * crop.scaledHeight);
  if (kept < MIN_KEPT) {
    const cure = `cut it to a shape of at most ${options.maxAspect}:1, or remove it`;
    return {
      code: "extreme_aspect",
      reason: `its shape (${shape}) would leave ${percent(kept)} of the picture after cropping`,
      cure,
    };
  }
  const scale = Math.max(bucket.width / size.width, bucket.height / size.height);
  if (scale > MAX_UPSCALE) {
    const reason = `it is too small (${shape}): it would be enlarged ${scale.toFixed(1)} times to ` +
      `${bucket.width}x${bucket.height}, at most ${MAX_UPSCALE} are allowed`;
    return { code: "too_small", reason, cure: smallerResolution(options, MAX_UPSCALE / scale) };
  }
  return { crop };
}

function smallerResolution({ resolution, divisor }: BucketOptions, factor: number): string {
  if (typeof resolution !== "number") return "set a smaller data.resolution, or remove it";
  const possible = Math.floor(resolution * factor / divisor) * divisor;
  if (possible < divisor) return "replace it with a larger copy or remove it";
  return `set data.resolution to ${possible} or less, replace it with a larger copy, or remove it`;
}

function nearestMultiple(side: number, divisor: number): number {
  return Math.max(divisor, Math.round(side / divisor) * divisor);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.01 ? 2 : 0)} %`;
}
