import assert from "node:assert/strict";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WeightsError } from "../../src/base/mod.ts";
import { openModel, transformerShapes, VARIANTS } from "../../src/wan/mod.ts";
import { detectVariants } from "../../src/wan/variant.ts";
import { goldenDir } from "../support/paths.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const checkpoints = join(goldenDir(), "checkpoints");
const demo = join(import.meta.dirname ?? ".", "../../presets/demo/model");

/** Runs `body` with a copy of a model's configs, changed by `change`. */
async function withChanged(
  change: (folder: string) => void,
  body: (folder: string) => void,
): Promise<void> {
  await withFolder((folder) => {
    cpSync(join(checkpoints, "ti2v_5b"), folder, { recursive: true });
    change(folder);
    body(folder);
  });
}

function edit(path: string, values: Record<string, unknown>): void {
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...values }));
}

Deno.test("openModel() tells the variant of a model that is smaller than the published one", () => {
  for (const path of [join(checkpoints, "ti2v_5b"), demo]) {
    const folder = openModel(path);
    assert.equal(folder.variant.name, "wan2.2-ti2v-5b");
    assert.equal(folder.isPublishedSize, false);
    assert.deepEqual([folder.spatialDivisor, folder.temporalStride, folder.latentChannels], [32, 4, 48]);
  }
  assert.equal(openModel(join(checkpoints, "ti2v_5b")).shift, 5);
  assert.equal(openModel(demo).shift, 3, "its scheduler's");
});

Deno.test("openModel() opens models of two experts", () => {
  const t2v = openModel(join(checkpoints, "t2v_a14b"));
  assert.deepEqual([t2v.variant.name, t2v.boundary, t2v.shift], ["wan2.2-t2v-a14b", 0.875, 3]);
  const i2v = openModel(join(checkpoints, "i2v_a14b"));
  assert.deepEqual([i2v.variant.name, i2v.boundary, i2v.variant.image], ["wan2.2-i2v-a14b", 0.9, "channels"]);
  assert.throws(() => t2v.loadTransformer(), /no transformer called "only"/);
  assert.equal(openModel(demo).boundary, null);
});

Deno.test("openModel() tells one transformer from two, and refuses two that differ", async () => {
  await withFolder((folder) => {
    cpSync(join(checkpoints, "t2v_a14b"), folder, { recursive: true });
    edit(join(folder, "model_index.json"), { boundary_ratio: null });
    assert.equal(openModel(folder).boundary, 0.875, "the published one");
    edit(join(folder, "transformer_2/config.json"), { num_layers: 3 });
    assert.throws(() => openModel(folder), /the two transformers differ in size/);
    edit(join(folder, "model_index.json"), { transformer_2: [null, null] });
    const single = openModel(folder);
    assert.deepEqual([single.variant.name, single.boundary], ["wan2.1-t2v-1.3b", null]);
    const named = openModel(folder, { variant: "wan2.1-t2v-14b" });
    assert.equal(named.variant.name, "wan2.1-t2v-14b", "a small model may be of either");
  });
});

Deno.test("detectVariants() puts the variant of the same size first", () => {
  for (const variant of VARIANTS) {
    const { transformer: t } = variant;
    const transformer = { ...t, width: t.numHeads * t.headDim, eps: 1e-6 };
    assert.equal(detectVariants({ ...variant, transformer })[0], variant);
  }
});

Deno.test("openModel() takes a wanted variant and refuses another", () => {
  const path = join(checkpoints, "ti2v_5b");
  assert.equal(openModel(path, { variant: "wan2.2-ti2v-5b" }).path, path);
  assert.throws(() => openModel(path, { variant: "wan2.2-t2v-a14b" }), /its configs are those of wan2\.2-ti2v/);
});

Deno.test("openModel() refuses what is no model", async () => {
  await withFolder((folder) => {
    assert.throws(() => openModel(folder), /there is no model_index\.json/);
    writeFileSync(join(folder, "model_index.json"), "{");
    assert.throws(() => openModel(folder), WeightsError);
    writeFileSync(join(folder, "model_index.json"), '{ "_class_name": "FluxPipeline" }');
    assert.throws(() => openModel(folder), /it is a FluxPipeline, not a WanPipeline/);
    writeFileSync(join(folder, "model_index.json"), '{ "_class_name": "WanPipeline" }');
    assert.throws(() => openModel(folder), /it has no folder transformer/);
  });
});

Deno.test("openModel() refuses parts that do not fit and variants it does not know", async () => {
  const transformer = (folder: string): string => join(folder, "transformer/config.json");
  await withChanged(
    (folder) => rmSync(join(folder, "vae/config.json")),
    (folder) => assert.throws(() => openModel(folder), /vae\/config\.json does not exist/),
  );
  await withChanged(
    (folder) => edit(transformer(folder), { out_channels: 16 }),
    (folder) => assert.throws(() => openModel(folder), /the transformer has 16 channels, the VAE 48/),
  );
  await withChanged(
    (folder) => edit(transformer(folder), { text_dim: 64 }),
    (folder) => assert.throws(() => openModel(folder), /text of width 64, the encoder's is 32/),
  );
  await withChanged(
    (folder) => edit(transformer(folder), { in_channels: 100 }),
    (folder) => assert.throws(() => openModel(folder), /100 channels in and 48 out is no variant/),
  );
});

Deno.test("a model folder loads its parts one at a time", () => {
  leakFree(() => {
    const folder = openModel(demo);
    assert.equal(folder.loadTokenizer().encode("a dog").at(-1), 1);
    using vae = folder.loadVae();
    using encoder = folder.loadTextEncoder();
    assert.equal(encoder.config.width, folder.transformerConfig.textDim);
    assert.equal(vae.latentChannels, folder.latentChannels);
    assert.throws(() => folder.loadTransformer({ expert: "low" }), RangeError);
    const { model } = folder.loadTransformer();
    using _model = model;
  });
});

Deno.test("VARIANTS hold the published numbers", () => {
  const [ti2v, t2v, i2v] = VARIANTS;
  assert.equal(ti2v?.transformer.numHeads, 24);
  assert.deepEqual(ti2v?.inference.sizes, [[1280, 704], [704, 1280]]);
  assert.deepEqual([t2v?.inference.guidanceScale, t2v?.inference.lowNoiseGuidanceScale], [4, 3]);
  assert.deepEqual([t2v?.inference.shift, i2v?.inference.shift, ti2v?.inference.shift], [12, 5, 5]);
  assert.equal(new Set(VARIANTS.map(({ inference }) => inference.negativePrompt)).size, 1);
});

Deno.test("VARIANTS say how many parameters and tensors their sizes make", () => {
  for (const { name, transformer: t, numParameters, numTensors } of VARIANTS) {
    const shapes = [...transformerShapes({ ...t, width: t.numHeads * t.headDim, eps: 1e-6 }).values()];
    assert.equal(shapes.length, numTensors, name);
    assert.equal(shapes.reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0), numParameters, name);
  }
});
