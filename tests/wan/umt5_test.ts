import assert from "node:assert/strict";
import { join } from "node:path";
import { ShapeError } from "../../src/base/mod.ts";
import { Generator, grad, liveHandles, noGrad, randn, type Tensor, zeros } from "../../src/torch/mod.ts";
import { Tokenizer } from "../../src/wan/tokenizer.ts";
import { Umt5Encoder } from "../../src/wan/umt5.ts";
import { parseUmt5Config } from "../../src/wan/umt5_config.ts";
import { loadUmt5 } from "../../src/wan/umt5_load.ts";
import { bucketTable, relativeBucket } from "../../src/wan/umt5_position.ts";
import { encodePrompt, padPrompt } from "../../src/wan/umt5_prompt.ts";
import { runEmbeddingCase, runPromptEmbedsCase, runTextEncoderCase } from "../support/golden_wan.ts";
import { goldenDir } from "../support/paths.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const checkpoint = join(goldenDir(), "checkpoints/ti2v_5b");
const folder = join(checkpoint, "text_encoder");
const config = JSON.parse(Deno.readTextFileSync(join(folder, "config.json")));
const gap = (a: Tensor, b: Tensor): number => a.sub(b).abs().amax().item();

Deno.test("relativeBucket() changes at the published distances", () => {
  const sizes = { numBuckets: 32, maxDistance: 128 };
  assert.deepEqual([0, 1, -1, -7, 7].map((d) => relativeBucket(d, sizes)), [0, 17, 1, 7, 23]);
  const edges = [[8, 8], [12, 9], [16, 10], [23, 11], [32, 12], [46, 13], [64, 14], [91, 15]] as const;
  for (const [distance, bucket] of edges) {
    assert.equal(relativeBucket(-distance, sizes), bucket);
    assert.equal(relativeBucket(1 - distance, sizes), bucket - 1);
    assert.equal(relativeBucket(distance, sizes), bucket + 16);
  }
  assert.equal(relativeBucket(-5000, sizes), 15);
});

Deno.test("bucketTable() has queries in rows and keys in columns", () => {
  leakFree(() => {
    const table = bucketTable(3, { sizes: { numBuckets: 32, maxDistance: 128 }, device: "cpu" });
    assert.deepEqual(table.toNumbers(), [0, 17, 18, 1, 0, 17, 2, 1, 0]);
  });
});

Deno.test("Umt5Encoder.encode() gives a text the same rows whatever it is padded with", () => {
  leakFree(() => {
    using encoder = loadUmt5(folder);
    const [short, long] = [[5, 6, 7, 1], [9, 8, 7, 6, 5, 4, 3, 1]];
    const alone = encoder.encode([short]).select(0, 0);
    const together = encoder.encode([long, short]);
    assert.deepEqual(together.shape, [2, 8, 32]);
    assert(gap(together.select(0, 1).narrow(0, 0, 4), alone) < 1e-5);
    const padded = encoder.encode([[...short, 0, 0]], { mask: [[1, 1, 1, 1, 0, 0]] });
    assert(gap(padded.select(0, 0).narrow(0, 0, 4), alone) < 1e-5);
    assert(gap(encoder.encode([[...short, 0, 0]]).select(0, 0).narrow(0, 0, 4), alone) > 1e-3);
  });
});

Deno.test("Umt5Encoder.encode() refuses tokens without an embedding and a mask that does not fit", () => {
  leakFree(() => {
    using encoder = loadUmt5(folder);
    assert.throws(() => encoder.encode([[5, 1536]]), /token 1536 has no embedding/);
    assert.throws(() => encoder.encode([[5, 1]], { mask: [[1]] }), ShapeError);
  });
});

Deno.test("Umt5Encoder.encode() takes vectors for learned tokens, in and behind its table, with gradients", () => {
  leakFree(() => {
    using encoder = loadUmt5(folder);
    const table = encoder.params.get("shared.weight") as Tensor;
    for (const firstId of [1420, 1536]) {
      const same = { firstId, vectors: table.narrow(0, 5, 2) };
      const ids = [[9, firstId, firstId + 1, 1]];
      const learned = noGrad(() => encoder.encode(ids, { extraEmbeddings: same }));
      assert(learned.equal(encoder.encode([[9, 5, 6, 1]])));
      using generator = Generator.seeded(1);
      const vectors = randn([2, 32], { generator });
      vectors.setRequiresGrad(true);
      const loss = encoder.encode(ids, { extraEmbeddings: { firstId, vectors } }).square().sum();
      const [gradient] = grad([loss], [vectors]);
      assert((gradient as Tensor).abs().amin().item() > 0);
    }
  });
});

Deno.test("encodePrompt() encodes an empty prompt as one row and cuts a long one to its length", () => {
  leakFree(() => {
    using encoder = loadUmt5(folder);
    const tokenizer = Tokenizer.fromFile(join(checkpoint, "tokenizer"));
    assert.deepEqual(encodePrompt("", { tokenizer, encoder }).shape, [1, 32]);
    assert.deepEqual(encodePrompt("dog ".repeat(600), { tokenizer, encoder }).shape, [512, 32]);
    assert.deepEqual(encodePrompt("dog ".repeat(60), { tokenizer, encoder, maxLength: 16 }).shape, [16, 32]);
  });
});

Deno.test("padPrompt() adds zero rows and refuses too many", () => {
  leakFree(() => {
    const rows = zeros([2, 3]).add(1);
    assert.deepEqual(padPrompt(rows, 4).toNumbers(), [1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
    assert.throws(() => padPrompt(rows, 1), RangeError);
  });
});

Deno.test("Umt5Encoder.load() accepts the embedding under either name", () => {
  leakFree(() => {
    const parsed = parseUmt5Config(config, "config.json");
    using encoder = loadUmt5(folder);
    for (const names of [["encoder.embed_tokens.weight"], ["encoder.embed_tokens.weight", "shared.weight"]]) {
      const params = new Map([...encoder.params].filter(([name]) => name !== "shared.weight"));
      for (const name of names) params.set(name, encoder.params.get("shared.weight") as Tensor);
      using other = Umt5Encoder.load({
        name: "test",
        keys: () => params.keys(),
        shapeOf: (key) => params.get(key)?.shape,
        load: (key) => (params.get(key) as Tensor).clone(),
      }, parsed);
      assert(other.encode([[5, 1]]).equal(encoder.encode([[5, 1]])));
    }
  });
});

Deno.test("loadUmt5() keeps bfloat16, lifts float16 and names what does not fit", () => {
  leakFree(() => {
    const root = join(goldenDir(), "checkpoints");
    using half = loadUmt5(join(root, "i2v_a14b/text_encoder"));
    assert.equal(half.encode([[5, 1]]).dtype, "bfloat16");
    using lifted = loadUmt5(join(import.meta.dirname ?? ".", "../../presets/demo/model/text_encoder"));
    assert.equal(lifted.encode([[5, 1]]).dtype, "float32");
  });
  const before = liveHandles();
  assert.throws(() => parseUmt5Config({ ...config, model_type: "t5" }, "x"), /model_type/);
  assert.equal(liveHandles(), before);
});

const cases = join(goldenDir(), "cases");
for (const id of ["umt5_prompts", "umt5_long"]) {
  Deno.test(`golden ${id}`, () => leakFree(() => void runTextEncoderCase(join(cases, id))));
}
Deno.test("golden umt5_prompt_512", () => leakFree(() => void runPromptEmbedsCase(join(cases, "umt5_prompt_512"))));
Deno.test("golden embedding_token", () => leakFree(() => void runEmbeddingCase(join(cases, "embedding_token"))));
