import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { canonicalJson, sha256, sha256File, stableHash } from "../../src/base/mod.ts";
import { withFolder } from "../support/tmp.ts";

Deno.test("sha256() gives the published digest of abc", () => {
  // FIPS 180-2, appendix B.1
  const digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  assert.equal(sha256("abc"), digest);
  assert.equal(sha256(new TextEncoder().encode("abc")), digest);
});

Deno.test("sha256File() equals sha256() of the content, across buffer ends", () =>
  withFolder((folder) => {
    for (const size of [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 2_500_000]) {
      const bytes = new Uint8Array(size).map((_, i) => i * 7);
      Deno.writeFileSync(join(folder, "f"), bytes);
      assert.equal(sha256File(join(folder, "f")), sha256(bytes));
    }
  }));

Deno.test("stableHash() does not depend on the order of keys, and tells values apart", () => {
  assert.equal(stableHash({ a: 1, b: { c: 2, d: [1, 2] } }), stableHash({ b: { d: [1, 2], c: 2 }, a: 1 }));
  assert.equal(stableHash({ a: 1, b: undefined }), stableHash({ a: 1 }));
  assert.notEqual(stableHash([1, 2]), stableHash([2, 1]));
  assert.notEqual(stableHash("1"), stableHash(1));
  assert.throws(() => stableHash({ a: NaN }), TypeError);
});

Deno.test("canonicalJson() parses back to the same value", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    const plain = JSON.parse(JSON.stringify(value));
    assert.deepEqual(JSON.parse(canonicalJson(plain)), plain);
  }));
});
