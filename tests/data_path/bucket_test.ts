import assert from "node:assert/strict";
import fc from "fast-check";
import { ConfigError } from "../../src/base/mod.ts";
import {
  bucketsOf,
  type Fit,
  fitToBuckets,
  listBuckets,
  nearestBucket,
  smallBucketNotes,
} from "../../src/data/bucket.ts";
import type { Size } from "../../src/media/mod.ts";

const options = { resolution: 704, divisor: 32, maxAspect: 2 } as const;

Deno.test("listBuckets() keeps to the divisor, the area and the widest shape", () => {
  fc.assert(fc.property(
    fc.integer({ min: 64, max: 1280 }),
    fc.constantFrom(16, 32),
    fc.double({ min: 1, max: 4, noNaN: true }),
    (resolution, divisor, maxAspect) => {
      const buckets = listBuckets({ resolution, divisor, maxAspect });
      assert.ok(buckets.length > 0);
      for (const { width, height } of buckets) {
        assert.equal(width % divisor + height % divisor, 0);
        assert.ok(width * height <= resolution * resolution);
        assert.ok(Math.max(width / height, height / width) <= maxAspect + 1e-9);
      }
    },
  ));
});

Deno.test("listBuckets() takes one fixed size, or names the nearest that is possible", () => {
  const size = { width: 832, height: 480 };
  assert.deepEqual(listBuckets({ ...options, resolution: size }), [size]);
  assert.throws(() => listBuckets({ ...options, resolution: { width: 830, height: 480 } }), (error: ConfigError) => {
    assert.equal(error.cure, "take 832x480");
    return error instanceof ConfigError;
  });
  assert.throws(() => listBuckets({ ...options, resolution: 16 }), ConfigError);
});

Deno.test("nearestBucket() goes by the ratio, whichever side is longer", () => {
  const buckets = listBuckets({ ...options, resolution: 128 });
  assert.deepEqual(nearestBucket({ width: 640, height: 360 }, buckets), { width: 160, height: 96 });
  assert.deepEqual(nearestBucket({ width: 360, height: 640 }, buckets), { width: 96, height: 160 });
  assert.deepEqual(nearestBucket({ width: 500, height: 500 }, buckets), { width: 128, height: 128 });
});

const LIMITS = { maxUpscale: 1.5, minKept: 0.25 };

/** Fits a picture into the buckets of some resolutions. */
function fit(size: Size, resolutions: readonly (number | Size)[], limits = LIMITS): Fit {
  return fitToBuckets(size, { buckets: bucketsOf(resolutions, { divisor: 32, maxAspect: 2 }), limits });
}

/** The sizes of the buckets that were found. */
function sizesOf(found: Fit): string[] {
  assert.ok("crops" in found, JSON.stringify(found));
  return found.crops.map(({ width, height }) => `${width}x${height}`);
}

Deno.test("fitToBuckets() refuses what would be enlarged too much, and says which resolution would do", () => {
  const small = fit({ width: 320, height: 240 }, [704]);
  assert.ok("code" in small && small.code === "too_small");
  assert.match(small.reason, /too small \(320x240\)/);
  const resolution = Number(/data.resolution to (4\d\d) or less/.exec(small.cure ?? "")?.[1]);
  assert.deepEqual(sizesOf(fit({ width: 320, height: 240 }, [resolution])).length, 1);
  assert.deepEqual(sizesOf(fit({ width: 320, height: 240 }, [704], { ...LIMITS, maxUpscale: 4 })), ["800x608"]);
});

Deno.test("fitToBuckets() crops wide pictures, but refuses slivers", () => {
  assert.deepEqual(sizesOf(fit({ width: 640, height: 272 }, [64])), ["64x64"]);
  const sliver = fit({ width: 16384, height: 64 }, [64]);
  assert.ok("code" in sliver && sliver.code === "extreme_aspect" && /its shape \(16384x64\)/.test(sliver.reason));
  const strict = fit({ width: 640, height: 272 }, [64], { ...LIMITS, minKept: 0.5 });
  assert.ok("code" in strict && /would leave 42 %/.test(strict.reason));
});

Deno.test("fitToBuckets() uses a picture at each resolution that it is large enough for, and says where it is not", () => {
  const resolutions = [256, { width: 832, height: 480 }, 512];
  assert.deepEqual(sizesOf(fit({ width: 1920, height: 1080 }, resolutions)), ["832x480", "672x384", "320x192"]);
  const small = fit({ width: 320, height: 180 }, resolutions);
  assert.deepEqual(sizesOf(small), ["320x192"]);
  assert.deepEqual("notes" in small && small.notes, ["it is used at 1 of 3 resolutions"]);
  const tiny = fit({ width: 32, height: 18 }, resolutions);
  assert.ok("code" in tiny && /enlarged 10.7 times to 320x192/.test(tiny.reason)); // of the one that asks least
  assert.deepEqual(sizesOf(fit({ width: 640, height: 640 }, [256, { width: 256, height: 256 }])), ["256x256"]);
});

Deno.test("smallBucketNotes() names buckets with fewer items than a batch, repeats counted", () => {
  const items = [{ bucket: "a", repeats: 1 }, { bucket: "a", repeats: 2 }, { bucket: "b", repeats: 2 }];
  assert.deepEqual(smallBucketNotes(items, 2), []);
  const [note = ""] = smallBucketNotes(items, 3);
  assert.match(note, /^1 of 2 buckets have fewer items than a batch of 3 and repeat them to fill it: b \(2\);/);
});
