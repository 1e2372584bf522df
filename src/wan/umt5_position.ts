/** Where a key stands relative to a query, as one of a few buckets: exact when near, coarser with distance. */
import { arange, type Tensor, tensor, tidy } from "../torch/mod.ts";
import type { Umt5Config } from "./umt5_config.ts";

type BucketSizes = Pick<Umt5Config, "numBuckets" | "maxDistance">;

/**
 * The least distance of each bucket of one side. The first half of them hold one distance each, the others grow
 * geometrically up to `maxDistance`. As whole numbers, so that no logarithm is rounded to the wrong side.
 * Source: transformers modeling_umt5.py, _relative_position_bucket
 */
function leastDistances({ numBuckets, maxDistance }: BucketSizes): number[] {
  const side = numBuckets / 2;
  const exact = side / 2;
  return Array.from({ length: side }, (_, k) => {
    if (k < exact) return k;
    // Powers that are whole numbers must not be lifted to the next by rounding.
    return Math.ceil(exact * (maxDistance / exact) ** ((k - exact) / (side - exact)) - 1e-9);
  });
}

/** The bucket of a distance (key position − query position); keys behind the query use the upper half. */
export function relativeBucket(distance: number, sizes: BucketSizes): number {
  const least = leastDistances(sizes);
  const within = least.findLastIndex((from) => Math.abs(distance) >= from);
  return distance > 0 ? least.length + within : within;
}

/** The bucket of every key seen from every query: [L, L] int64, queries first. */
export function bucketTable(L: number, options: { sizes: BucketSizes; device: Tensor["device"] }): Tensor {
  const { sizes, device } = options;
  return tidy(() => {
    const byDistance = tensor(
      Array.from({ length: 2 * L - 1 }, (_, i) => relativeBucket(i - (L - 1), sizes)),
      { dtype: "int64", device },
    );
    const positions = arange(L, { dtype: "int64", device });
    const distance = positions.unsqueeze(0).sub(positions.unsqueeze(1)).add(L - 1); // [L, L], from 0
    return byDistance.indexSelect(0, distance.flatten()).reshape([L, L]);
  });
}
