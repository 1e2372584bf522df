import assert from "node:assert/strict";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WeightsError } from "../../src/base/mod.ts";
import { openModelFolder, VARIANTS } from "../../src/wan/mod.ts";
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

Deno.test("openModelFolder() tells the variant of a model that is smaller than the published one", () => {
  for (const path of [join(checkpoints, "ti2v_5b"), demo]) {
    const folder = openModelFolder(path);
    assert.equal(folder.variant.name, "wan2.2-ti2v-5b");
    assert.equal(folder.isPublishedSize, false);
    assert.deepEqual([folder.spatialDivisor, folder.temporalStride, folder.latentChannels], [32, 4, 48]);
  }
  assert.equal(openModelFolder(join(checkpoints, "ti2v_5b")).shift, 5);
  assert.equal(openModelFolder(demo).shift, 3, "its scheduler's");
});

Deno.test("openModelFolder() takes a wanted variant and refuses another", () => {
  const path = join(checkpoints, "ti2v_5b");
  assert.equal(openModelFolder(path, { variant: "wan2.2-ti2v-5b" }).path, path);
  assert.throws(() => openModelFolder(path, { variant: "wan2.2-t2v-a14b" }), /its configs are those of wan2\.2-ti2v/);
});

Deno.test("openModelFolder() refuses what is no model", async () => {
  await withFolder((folder) => {
    assert.throws(() => openModelFolder(folder), /there is no model_index\.json/);
    writeFileSync(join(folder, "model_index.json"), "{");
    assert.throws(() => openModelFolder(folder), WeightsError);
    writeFileSync(join(folder, "model_index.json"), '{ "_class_name": "FluxPipeline" }');
    assert.throws(() => openModelFolder(folder), /it is a FluxPipeline, not a WanPipeline/);
    writeFileSync(join(folder, "model_index.json"), '{ "_class_name": "WanPipeline" }');
    assert.throws(() => openModelFolder(folder), /it has no folder transformer/);
  });
});

Deno.test("openModelFolder() refuses parts that do not fit and variants it does not know", async () => {
  const transformer = (folder: string): string => join(folder, "transformer/config.json");
  await withChanged(
    (folder) => rmSync(join(folder, "vae/config.json")),
    (folder) => assert.throws(() => openModelFolder(folder), /vae\/config\.json does not exist/),
  );
  await withChanged(
    (folder) => edit(transformer(folder), { out_channels: 16 }),
    (folder) => assert.throws(() => openModelFolder(folder), /the transformer has 16 channels, the VAE 48/),
  );
  await withChanged(
    (folder) => edit(transformer(folder), { text_dim: 64 }),
    (folder) => assert.throws(() => openModelFolder(folder), /text of width 64, the encoder's is 32/),
  );
  await withChanged(
    (folder) => edit(transformer(folder), { in_channels: 100 }),
    (folder) => assert.throws(() => openModelFolder(folder), /100 channels in and 48 out is no variant/),
  );
});

Deno.test("a model folder loads its parts one at a time", () => {
  leakFree(() => {
    const folder = openModelFolder(demo);
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
  const [ti2v] = VARIANTS;
  assert.equal(ti2v?.transformer.numHeads, 24);
  assert.deepEqual(ti2v?.inference.sizes, [[1280, 704], [704, 1280]]);
});
