import assert from "node:assert/strict";
import { join } from "node:path";
import { learnTokens, Tokenizer, tokensIn } from "../../src/wan/mod.ts";
import { goldenDir } from "../support/paths.ts";

const PLAIN = Tokenizer.fromFile(join(goldenDir(), "checkpoints", "ti2v_5b", "tokenizer"));

Deno.test("learnTokens() expands tokens that are part of one another, whatever their order, and no part of a word", () => {
  const tokens = [{ token: "emb", numVectors: 2 }, { token: "emb_umt", numVectors: 2 }, {
    token: "<e>",
    numVectors: 2,
  }];
  for (const order of [tokens, tokens.toReversed()]) {
    const { expand, tokenizer, firstId } = learnTokens(PLAIN, order);
    const idOf = (token: string): number => firstId + 2 * order.findIndex((one) => one.token === token);
    const text = expand("a emb and emb_umt cat; remember, a<e>b");
    assert.equal(text, "a emb emb_1 and emb_umt emb_umt_1 cat; remember, a<e> <e>_1b");
    const learned = tokenizer.encode(text).filter((id) => id >= firstId);
    assert.deepEqual(learned, ["emb", "emb_umt", "<e>"].flatMap((token) => [idOf(token), idOf(token) + 1]));
  }
  assert.equal(learnTokens(PLAIN, []).expand("a cat"), "a cat");
});

Deno.test("learnTokens() leaves other words whole, and finds a token beside letters that put no space between words", () => {
  const { expand, tokenizer, firstId } = learnTokens(PLAIN, [{ token: "dog", numVectors: 1 }, {
    token: "龘",
    numVectors: 2,
  }]);
  assert.deepEqual(tokenizer.encode("hotdog dogs 𝒜dog"), PLAIN.encode("hotdog dogs 𝒜dog"));
  assert.deepEqual(tokenizer.encode("白dog.").filter((id) => id >= firstId), [firstId]);
  assert.equal(expand("白龘が"), "白龘 龘_1が");
});

Deno.test("tokensIn() finds whole words, of several that begin at a place the longest", () => {
  assert.deepEqual([...tokensIn("a emb_umt cat, remember", ["emb", "emb_umt"])], ["emb_umt"]);
  assert.deepEqual([...tokensIn("emb, (emb_umt)", ["emb", "emb_umt"])], ["emb", "emb_umt"]);
  assert.deepEqual([...tokensIn("two<my-cat>s and my-cats", ["<my-cat>", "my-cat"])], ["<my-cat>"]);
  assert.deepEqual([...tokensIn("a cat", [])], []);
});

Deno.test("learnTokens() refuses a token that no prompt has once it is cleaned", () => {
  const learn = (token: string): unknown => learnTokens(PLAIN, [{ token, numVectors: 1 }]);
  assert.throws(() => learn("&lt;x&gt;"), /prompts are cleaned, and then have <x> in its place/);
  assert.throws(() => learn("ﬁsh"), /have fish in its place/);
  learn("<x>");
});
