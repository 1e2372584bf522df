/**
 * Buckets: the few sizes into which clips are scaled and cut, so that batches are of one shape. Both sides of a bucket
 * are multiples of the model's divisor and its area stays within the square of the resolution. With several resolutions a picture goes into a bucket of each.
 */

import { ConfigError } from "../base/mod.ts";
import { coverCrop, type Crop, type Size } from "../media/mod.ts";
import type { Refusal } from "./codes.ts";

const MOST_NAMED = 5;

/** What decides the buckets of one resolution. */
export interface BucketOptions {
  /** Side of the square whose area is the budget, or the one size there is. */
  readonly resolution: number | Size;
  /** Both sides are multiples of this. */
  readonly divisor: number;
  /** Largest ratio of the long to the short side. */
  readonly maxAspect: number;
}

/** What decides whether a picture may go into its bucket. */
export interface FitLimits {
  /** Pictures may be enlarged up to this factor. */
  readonly maxUpscale: number;
  /** A crop must keep at least this share of the picture. */
  readonly minKept: number;
}

/** The buckets of one resolution. */
export interface Buckets extends BucketOptions {
  readonly sizes: readonly Size[];
}

/** The buckets of each resolution, the largest first. @throws {ConfigError} if a size cannot be used */
export function bucketsOf(
  resolutions: readonly (number | Size)[],
  options: Omit<BucketOptions, "resolution">,
): Buckets[] {
  const area = (size: number | Size): number => typeof size === "number" ? size * size : size.width * size.height;
  return [...resolutions].sort((a, b) => area(b) - area(a)).map((resolution) => {
    return { ...options, resolution, sizes: listBuckets({ ...options, resolution }) };
  });
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

/** How a picture is cut for the bucket of each resolution that it is large enough for, or why it is for none. */
export type Fit = { readonly crops: readonly Crop[]; readonly notes: readonly string[] } | Refusal;

/** Fits a picture of the shown size into the nearest bucket of each resolution. */
export function fitToBuckets(size: Size, { buckets, limits }: { buckets: readonly Buckets[]; limits: FitLimits }): Fit {
  const crops = new Map<string, Crop>();
  const refusals: Refusal[] = [];
  for (const one of buckets) {
    const fit = fitToNearest(size, { buckets: one, limits });
    if ("code" in fit) refusals.push(fit);
    else crops.set(`${fit.width}x${fit.height}`, fit);
  }
  const refusal = refusals.at(-1); // of the smallest, which asks least
  if (crops.size === 0 && refusal !== undefined) return refusal;
  const left = refusals.length === 0 ? [] : [`it is used at ${crops.size} of ${buckets.length} resolutions`];
  return { crops: [...crops.values()], notes: left };
}

function fitToNearest(size: Size, { buckets, limits }: { buckets: Buckets; limits: FitLimits }): Crop | Refusal {
  const bucket = nearestBucket(size, buckets.sizes);
  const crop = coverCrop(size, bucket);
  const shape = `${size.width}x${size.height}`;
  const kept = (crop.width * crop.height) / (crop.scaledWidth * crop.scaledHeight);
  if (kept < limits.minKept) {
    return {
      code: "extreme_aspect",
      reason: `its shape (${shape}) would leave ${percent(kept)} of the picture after cropping`,
      cure: `cut it to a shape of at most ${buckets.maxAspect}:1, set a smaller data.minKept, or remove it`,
    };
  }
  const scale = Math.max(bucket.width / size.width, bucket.height / size.height);
  if (scale > limits.maxUpscale) {
    const reason = `it is too small (${shape}): it would be enlarged ${scale.toFixed(1)} times to ` +
      `${bucket.width}x${bucket.height}, at most ${limits.maxUpscale} are allowed`;
    return { code: "too_small", reason, cure: smallerResolution(buckets, limits.maxUpscale / scale) };
  }
  return crop;
}

/** What to say about buckets that have fewer items, repeats counted, than a batch: their batches show items twice. */
export function smallBucketNotes(
  items: Iterable<{ readonly bucket: string; readonly repeats: number }>,
  batchSize: number,
): string[] {
  const counts = new Map<string, number>();
  for (const { bucket, repeats } of items) counts.set(bucket, (counts.get(bucket) ?? 0) + repeats);
  const small = [...counts].filter(([, count]) => count < batchSize).sort(([a], [b]) => (a < b ? -1 : 1));
  if (small.length === 0) return [];
  const named = small.slice(0, MOST_NAMED).map(([bucket, count]) => `${bucket} (${count})`).join(", ");
  const more = small.length > MOST_NAMED ? ` and ${small.length - MOST_NAMED} more` : "";
  return [
    `${small.length} of ${counts.size} buckets have fewer items than a batch of ${batchSize} and repeat them to fill it: ` +
    `${named}${more}; fewer lengths (data.numFrames) or a smaller data.maxAspect make fewer buckets`,
  ];
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
