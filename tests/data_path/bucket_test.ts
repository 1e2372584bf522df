import assert from "node:assert/strict";
import fc from "fast-check";
import { ConfigError } from "../../src/base/mod.ts";
import { fitToBucket, listBuckets, nearestBucket } from "../../src/data/bucket.ts";

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

Deno.test("fitToBucket() refuses what would be enlarged too much, and says which resolution would do", () => {
  const buckets = listBuckets(options);
  const small = fitToBucket({ width: 320, height: 240 }, { ...options, buckets });
  assert.ok("reason" in small);
  assert.match(small.reason, /too small \(320x240\)/);
  assert.match(small.cure ?? "", /data.resolution to 4\d\d or less/);
  const resolution = Number(/to (\d+) or/.exec(small.cure ?? "")?.[1]);
  const again = { ...options, resolution };
  assert.ok("crop" in fitToBucket({ width: 320, height: 240 }, { ...again, buckets: listBuckets(again) }));
});

Deno.test("fitToBucket() crops wide pictures, but refuses slivers", () => {
  const buckets = listBuckets({ ...options, resolution: 64 });
  assert.ok("crop" in fitToBucket({ width: 640, height: 272 }, { ...options, buckets }));
  const sliver = fitToBucket({ width: 16384, height: 64 }, { ...options, buckets });
  assert.ok("reason" in sliver && /its shape \(16384x64\)/.test(sliver.reason));
});
