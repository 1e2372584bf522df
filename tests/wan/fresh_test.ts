import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { sha256File } from "../../src/base/mod.ts";
import { type Tensor } from "../../src/torch/mod.ts";
import { initialTensor, lawOf } from "../../src/wan/fresh/initial.ts";
import {
  encodePrompt,
  type FreshOptions,
  generate,
  openModel,
  padPrompt,
  partsOf,
  publishedSizes,
  TEXT_LENGTH,
  tinySizes,
  transformerShapes,
  umt5Shapes,
  vaeShapes,
  type Variant,
  VARIANTS,
  writeFreshModel,
} from "../../src/wan/mod.ts";
import { openWeights } from "../../src/weights/mod.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const count = (shapes: ReadonlyMap<string, readonly number[]>): number =>
  [...shapes.values()].reduce((sum, shape) => sum + shape.reduce((product, size) => product * size, 1), 0);
const variantOf = (name: string): Variant => {
  const variant = VARIANTS.find((variant) => variant.name === name);
  assert.ok(variant);
  return variant;
};
const TI2V = variantOf("wan2.2-ti2v-5b");
const tiny = (variant: Variant, more: Partial<FreshOptions> = {}): FreshOptions => ({
  ...{ variant, sizes: tinySizes(variant), dtype: "float32" as const, seed: 1 },
  ...more,
});

Deno.test("publishedSizes() have the published numbers of parameters", () => {
  for (const variant of VARIANTS) {
    const { transformer, vae, textEncoder } = publishedSizes(variant);
    const shapes = transformerShapes(transformer);
    assert.deepEqual([count(shapes), shapes.size], [variant.numParameters, variant.numTensors], variant.name);
    assert.equal(count(vaeShapes(vae)), variant.vae.latentChannels === 48 ? 704_688_668 : 126_892_531);
    // transformers 5: UMT5EncoderModel of google/umt5-xxl, 5.68 billion
    assert.equal(Math.round(count(umt5Shapes(textEncoder)) / 1e7), 568);
  }
});

Deno.test("writeFreshModel() makes every variant as a folder that opens as that variant", () =>
  withFolder((folder) => {
    for (const variant of VARIANTS) {
      const path = join(folder, variant.name);
      leakFree(() => {
        writeFreshModel(path, tiny(variant));
        const model = openModel(path);
        assert.equal(model.variant.experts, variant.experts);
        assert.equal(model.variant.image, variant.image);
        assert.ok(!model.isPublishedSize);
        assert.deepEqual(model.transformerConfig, tinySizes(variant).transformer);
        const built = model.loadTransformer({ expert: variant.experts === 2 ? "low" : "only" });
        for (const param of built.params.values()) param[Symbol.dispose]();
        built.model[Symbol.dispose]();
        using _vae = model.loadVae();
        using _text = model.loadTextEncoder();
        model.loadTokenizer();
      });
      assert.deepEqual(readdirSync(path).toSorted(), ["model_index.json", ...partsOf(variant)].toSorted());
    }
  }));

Deno.test("a tiny model makes a video", () =>
  withFolder(async (folder) => {
    writeFreshModel(folder, tiny(TI2V));
    const model = openModel(folder);
    using stack = new DisposableStack();
    const encoder = stack.use(model.loadTextEncoder());
    const rows = stack.use(encodePrompt("a cat", { tokenizer: model.loadTokenizer(), encoder }));
    const padded = stack.use(padPrompt(rows, TEXT_LENGTH));
    const promptEmbeds = stack.use(padded.unsqueeze(0));
    const built = model.loadTransformer({});
    for (const param of built.params.values()) stack.use(param);
    stack.use(built.model);
    const vae = stack.use(model.loadVae());
    const made = await generate({ model: built.model, vae }, {
      start: { width: 64, height: 64, numFrames: 5, seed: 3 },
      promptEmbeds,
      steps: 2,
      guidanceScale: 1,
      shift: model.shift,
      solver: "unipc",
    });
    stack.use(made.latents);
    const frames = stack.use(made.frames);
    assert.deepEqual(frames.shape, [1, 5, 3, 64, 64]);
    assert.ok(frames.toFloat32Array().every(Number.isFinite));
  }));

Deno.test("writeFreshModel() gives the same numbers for a seed, whatever parts, shards and order", () =>
  withFolder((folder) => {
    const [a, b, c] = ["a", "b", "c"].map((name) => join(folder, name)) as [string, string, string];
    writeFreshModel(a, tiny(TI2V, { only: ["transformer", "vae"] }));
    writeFreshModel(b, tiny(TI2V, { only: ["vae"] }));
    writeFreshModel(b, tiny(TI2V, { only: ["transformer"], maxShardBytes: 500_000 }));
    writeFreshModel(c, tiny(TI2V, { only: ["vae"], seed: 2 }));
    assert.ok(!existsSync(join(b, "model_index.json")), "a model without all parts is none");
    const file = "vae/diffusion_pytorch_model.safetensors";
    assert.equal(sha256File(join(a, file)), sha256File(join(b, file)));
    assert.notEqual(sha256File(join(a, file)), sha256File(join(c, file)));
    assert.ok(existsSync(join(b, "transformer/diffusion_pytorch_model.safetensors.index.json")));
    leakFree(() => {
      using whole = openWeights(join(a, "transformer"));
      using shards = openWeights(join(b, "transformer"));
      assert.deepEqual([...whole.keys()].toSorted(), [...shards.keys()].toSorted());
      for (const key of whole.keys()) {
        using one = whole.load(key);
        using other = shards.load(key);
        assert.deepEqual(one.toBytes(), other.toBytes(), key);
      }
    });
    assert.throws(() => writeFreshModel(b, tiny(TI2V)), /there is a folder transformer already/);
    writeFreshModel(b, tiny(TI2V, { only: ["text_encoder", "tokenizer", "scheduler"] }));
    openModel(b);
    assert.deepEqual(readdirSync(b).filter((name) => name.startsWith(".")), []);
  }));

Deno.test("writeFreshModel() in bfloat16 keeps float32 where diffusers does, and a stop leaves whole parts alone", () =>
  withFolder((folder) => {
    let stopAt = Infinity;
    const stopped = tiny(TI2V, {
      dtype: "bfloat16",
      onProgress: ({ part }) => {
        if (part === "vae" && stopAt-- <= 0) throw new Error("stop");
      },
    });
    stopAt = 3;
    assert.throws(() => writeFreshModel(folder, stopped), /stop/);
    assert.deepEqual(readdirSync(folder), ["transformer"]);
    using weights = openWeights(join(folder, "transformer"));
    const wide = weights.keys().filter((key) => weights.dtypeOf(key) === "float32");
    assert.ok(wide.includes("blocks.0.scale_shift_table") && wide.includes("blocks.0.norm2.weight"));
    assert.equal(weights.dtypeOf("blocks.0.attn1.to_q.weight"), "bfloat16");
  }));

Deno.test("initialTensor() follows its law, across the pieces it is drawn in", () => {
  const shapes = new Map<string, readonly number[]>([
    ["blocks.0.attn1.to_q.weight", [384, 128]],
    ["blocks.0.attn1.norm_q.weight", [128]],
    ["condition_embedder.time_embedder.linear_1.weight", [128, 64]],
    ["patch_embedding.weight", [128, 48, 1, 2, 2]],
  ]);
  assert.deepEqual(lawOf("transformer", "blocks.0.attn1.to_q.weight", shapes), { uniform: Math.sqrt(6 / 512) });
  assert.deepEqual(lawOf("transformer", "patch_embedding.weight", shapes), { uniform: Math.sqrt(6 / (192 + 128)) });
  assert.deepEqual(lawOf("transformer", "blocks.0.attn1.norm_q.weight", shapes), { constant: 1 });
  assert.deepEqual(lawOf("transformer", "condition_embedder.time_embedder.linear_1.weight", shapes), { normal: 0.02 });
  leakFree(() => {
    const shape = [5, 1000, 1000]; // more than one piece
    const check = (x: Tensor, deviation: number): void => {
      assert.ok(Math.abs(x.mean().item()) < deviation / 100);
      assert.ok(Math.abs(x.square().mean().sqrt().item() / deviation - 1) < 0.01);
      const tail = x.reshape([5, -1]).select(0, 4);
      assert.ok(Math.abs(tail.square().mean().sqrt().item() / deviation - 1) < 0.01);
    };
    const options = { name: "x", shape, dtype: "float32", seed: 0 } as const;
    check(initialTensor({ normal: 0.5 }, options), 0.5);
    const uniform = initialTensor({ uniform: 0.3 }, options);
    check(uniform, 0.3 / Math.sqrt(3));
    assert.ok(uniform.abs().amax().item() <= 0.3);
  });
});
