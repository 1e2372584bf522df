import assert from "node:assert/strict";
import fc from "fast-check";
import { groupNames, listNames } from "../../src/base/mod.ts";

Deno.test("listNames() joins names that differ in their numbers", () => {
  const blocks = Array.from({ length: 40 }, (_, i) => `blocks.${i}.attn1.to_q.weight`);
  assert.equal(listNames([...blocks, "proj_out.bias"]), "blocks.{0..39}.attn1.to_q.weight (40 tensors), proj_out.bias");
  assert.equal(listNames(["a.1.b", "a.2.b", "a.5.b"], { unit: "keys" }), "a.{1..2,5}.b (3 keys)");
  assert.equal(
    listNames(["lora_unet_blocks_0_ffn_2.alpha", "lora_unet_blocks_1_ffn_2.alpha"]),
    "lora_unet_blocks_{0..1}_ffn_2.alpha (2 tensors)",
  );
  assert.equal(listNames(["norm2", "norm3"]), "norm2, norm3");
  assert.equal(listNames([]), "");
});

Deno.test("listNames() joins two numbers only where every pair is there", () => {
  assert.equal(listNames(["a.0.0", "a.0.1", "a.1.0", "a.1.1"]), "a.{0..1}.{0..1} (4 tensors)");
  assert.equal(listNames(["a.0.0", "a.0.1", "a.1.0"]), "a.{0..1}.0 (2 tensors), a.0.1");
});

Deno.test("listNames() keeps what is said about names apart, and counts what it leaves out", () => {
  const noted = [{ name: "a.0", note: " [1]" }, { name: "a.1", note: " [2]" }, { name: "a.2", note: " [1]" }];
  assert.equal(listNames(noted), "a.{0,2} [1] (2 tensors), a.1 [2]");
  assert.equal(listNames(["a", "b", "c.0", "c.1"], { limit: 1 }), "a, and 3 more");
});

Deno.test("groupNames() counts each name once", () => {
  const name = fc.array(fc.oneof(fc.constantFrom("a", "b"), fc.nat(3).map(String)), { minLength: 1, maxLength: 4 });
  fc.assert(fc.property(fc.uniqueArray(name.map((parts) => parts.join("."))), (names) => {
    assert.equal(groupNames(names).reduce((sum, { count }) => sum + count, 0), names.length);
  }));
});
