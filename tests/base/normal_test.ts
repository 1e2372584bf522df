import assert from "node:assert/strict";
import { bisect, normalCdf, normalQuantile } from "../../src/base/mod.ts";

Deno.test("normalCdf() has the tabled values, in the middle and in the tails", () => {
  // scipy.stats.norm.cdf, scipy 1.15
  const table = [
    [-8, 6.220960574271785e-16],
    [-2.6, 0.004661188023718747],
    [-2.4, 0.00819753592459614],
    [-1, 0.15865525393145707],
    [0, 0.5],
    [0.5, 0.6914624612740131],
    [3, 0.9986501019683699],
  ] as const;
  for (const [x, share] of table) {
    assert(Math.abs(normalCdf(x) - share) < 4e-15 * Math.max(share, 1e-3) + 1e-12 * share, `${x}: ${normalCdf(x)}`);
  }
  assert.equal(normalCdf(-Infinity), 0);
  assert.equal(normalCdf(Infinity), 1);
});

Deno.test("normalQuantile() undoes normalCdf()", () => {
  for (const x of [-7, -3.1, -0.2, 0, 0.7, 2.4]) {
    assert(Math.abs(normalQuantile(normalCdf(x)) - x) < 1e-12, `${x}`);
  }
  assert.deepEqual([normalQuantile(0), normalQuantile(1)], [-Infinity, Infinity]);
});

Deno.test("bisect() finds the crossing to the last bit", () => {
  assert(Math.abs(bisect((x) => x * x - 2, { low: 0, high: 2 }) - Math.SQRT2) <= 2 ** -52);
});
