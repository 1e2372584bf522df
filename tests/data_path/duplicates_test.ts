import assert from "node:assert/strict";
import fc from "fast-check";
import { random } from "../../src/base/mod.ts";
import { type Candidate, findDuplicates } from "../../src/data/duplicates.ts";
import { HashIndex } from "../../src/data/hash_index.ts";
import { pictureHash } from "../../src/data/picture_hash.ts";

/** How many bits of two hashes differ. */
function bits(a: string | null, b: string | null): number {
  let count = 0;
  for (let rest = BigInt(`0x${a}`) ^ BigInt(`0x${b}`); rest > 0n; rest &= rest - 1n) count++;
  return count;
}

const hash = (digits: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(..."0123456789abcdef"), { minLength: digits, maxLength: digits }).map((all) => all.join(""));

Deno.test("HashIndex.find() gives the first hash within the distance, as comparing each with each does", () => {
  for (const digits of [16, 80]) {
    const hashes = fc.array(hash(digits), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(hashes, fc.integer({ min: 0, max: digits / 2 }), fc.nat(), (all, most, seed) => {
        const draw = random(seed);
        const near = all.map((one) => { // each with a few digits changed, so that some are near
          const digitsOf = [...one];
          for (let k = draw.integer(digits / 4); k > 0; k--) {
            digitsOf[draw.integer(digits)] = draw.integer(16).toString(16);
          }
          return digitsOf.join("");
        });
        const index = new HashIndex(digits, most);
        all.forEach((one) => index.add(one));
        for (const one of near) {
          const first = all.findIndex((other) => bits(one, other) <= most);
          assert.equal(index.find(one), first < 0 ? undefined : first);
          const second = all.findIndex((other, at) => at !== first && bits(one, other) <= most);
          assert.equal(index.find(one, (at) => at !== first), second < 0 ? undefined : second);
        }
      }),
      { numRuns: 30 },
    );
  }
});

const SIDE = 32;
/** A smooth picture made of a few random waves. */
function picture(seed: number, change: (value: number, at: number) => number = (value) => value): Float32Array {
  const draw = random(seed);
  const waves = Array.from(
    { length: 6 },
    () => [draw.integer(4) + 1, draw.integer(4) + 1, draw.next() * 6, draw.next() * 40],
  );
  return Float32Array.from({ length: SIDE * SIDE }, (_, at) => {
    const [x, y] = [at % SIDE / SIDE, Math.floor(at / SIDE) / SIDE];
    const value = waves.reduce(
      (sum, [u = 0, v = 0, phase = 0, size = 0]) => sum + size * Math.sin(u * x * 6 + v * y * 6 + phase),
      128,
    );
    return change(value, at);
  });
}

Deno.test("pictureHash() stays when a picture is brighter, weaker or noisy, and differs between pictures", () => {
  const noise = random(99);
  for (let seed = 0; seed < 20; seed++) {
    const plain = pictureHash(picture(seed), SIDE);
    assert.ok(bits(plain, pictureHash(picture(seed, (value) => 20 + value * 0.8), SIDE)) <= 1);
    assert.ok(bits(plain, pictureHash(picture(seed, (value) => value + noise.normal() * 2), SIDE)) <= 8);
    assert.ok(bits(plain, pictureHash(picture(seed + 100), SIDE)) >= 12);
  }
  assert.equal(pictureHash(new Float32Array(SIDE * SIDE).fill(200), SIDE), null);
});

/** A clip with made-up facts. */
function clip(content: string, hash: string, change: Partial<Candidate["info"]> = {}): Candidate {
  const info = { isImage: false, width: 640, height: 360, duration: 3, ...change };
  return { info, content, glance: { hashes: [hash, hash, hash, hash, hash], brightest: 200, moved: 50 } };
}

const ONE = "0123456789abcdef";
const NEAR = "0123456789abcdee"; // one bit less
const OTHER = "fedcba9876543210";

Deno.test("findDuplicates() keeps the largest, then the longest, then the first of those alike", () => {
  const [small, large, long, copy, other] = [
    clip("a", ONE, { width: 320, height: 180 }),
    clip("b", NEAR),
    clip("c", ONE, { duration: 3.1 }),
    clip("b", NEAR),
    clip("d", OTHER),
  ];
  const found = findDuplicates([small, large, long, copy, other], { bits: 5 });
  assert.deepEqual(found.map(({ kept }) => kept), [long, long, long]);
  assert.deepEqual(found.map(({ file }) => file), [large, copy, small]);
});

Deno.test("findDuplicates() tells the same content from the same picture, and other lengths, shapes and kinds apart", () => {
  const base = clip("a", ONE);
  const same = findDuplicates([base, { ...base }, clip("b", NEAR)], { bits: 1 }).map(({ same }) => same);
  assert.deepEqual(same, ["content", "picture"]);
  assert.equal(findDuplicates([base, clip("b", NEAR)], { bits: 0.9 }).length, 0);
  const others = [clip("b", ONE, { duration: 4 }), clip("c", ONE, { width: 360, height: 640 })];
  const still = {
    ...clip("d", ONE, { isImage: true, duration: 0 }),
    glance: { hashes: [ONE], brightest: 9, moved: 0 },
  };
  assert.equal(findDuplicates([base, ...others, still], { bits: 5 }).length, 0);
  const flat = { ...base, content: "e", glance: { hashes: [null, null, null, ONE, ONE], brightest: 9, moved: 0 } };
  assert.equal(findDuplicates([base, flat], { bits: 12 }).length, 0);
});

Deno.test("findDuplicates() does not compare each with each, neither where all differ nor where all are alike", () => {
  const draw = random(7);
  const word = (): string => Array.from({ length: 16 }, () => draw.integer(16).toString(16)).join("");
  const many = Array.from({ length: 20_000 }, (_, k) => clip(String(k), word()));
  const alike = Array.from({ length: 20_000 }, (_, k) => clip(String(k), ONE));
  const start = performance.now();
  assert.equal(findDuplicates(many, { bits: 3 }).length, 0);
  assert.equal(findDuplicates(alike, { bits: 3 }).length, 19_999);
  const seconds = (performance.now() - start) / 1000;
  assert.ok(seconds < 10, `${seconds} s`); // measured: half a second of processor time
});
