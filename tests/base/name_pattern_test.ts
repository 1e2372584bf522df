import assert from "node:assert/strict";
import { namePattern } from "../../src/base/mod.ts";

const NAMES = [
  "blocks.0.attn1.to_q",
  "blocks.3.attn1.to_q",
  "blocks.12.attn2.to_k",
  "blocks.3.ffn.net.0.proj",
  "proj_out",
];
const matched = (pattern: string): string[] => NAMES.filter(namePattern(pattern));

Deno.test("namePattern() fits a name or its end, in whole words", () => {
  assert.deepEqual(matched("to_q"), NAMES.slice(0, 2));
  assert.deepEqual(matched("attn2.to_k"), [NAMES[2]]);
  assert.deepEqual(matched("blocks.3.attn1.to_q"), [NAMES[1]]);
  assert.deepEqual(matched("o_q"), []);
  assert.deepEqual(matched("attn1"), []);
});

Deno.test("namePattern() reads * as any characters and {a..b} as a number in the range", () => {
  assert.deepEqual(matched("*"), NAMES);
  assert.deepEqual(matched("attn1.*"), NAMES.slice(0, 2));
  assert.deepEqual(matched("blocks.{0..3}.*"), [NAMES[0], NAMES[1], NAMES[3]]);
  assert.deepEqual(matched("blocks.{3..12}.attn*"), [NAMES[1], NAMES[2]]);
  assert.deepEqual(matched("proj(out)"), []); // no regular expressions
});
