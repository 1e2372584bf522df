import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DiskError, WeightsError } from "../../src/base/mod.ts";
import { liveHandles } from "../../src/torch/mod.ts";
import {
  describeModel,
  type ModelComponent,
  type ModelSource,
  openModel,
  saveModel,
  saveSingleFile,
  spieceBytes,
} from "../../src/wan/mod.ts";
import { openPart, openWeights, SafetensorsFile, tensorWeights, type Weights } from "../../src/weights/mod.ts";
import { assertSame } from "../support/golden_formats.ts";
import { ownGoldenDir } from "../support/paths.ts";
import { withFolder, withSmallDisk } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const CHECKPOINTS = join(ownGoldenDir(), "checkpoints");
const SINGLE: Record<ModelComponent, string> = {
  transformer: "high.safetensors",
  transformer_2: "low.safetensors",
  vae: "vae.safetensors",
  text_encoder: "umt5.safetensors",
};

function compareModels(ours: ModelSource, wanted: ModelSource): void {
  assert.equal(ours.variant.name, wanted.variant.name);
  assert.deepEqual(ours.components, wanted.components);
  assert.deepEqual(ours.transformerConfig, wanted.transformerConfig);
  for (const component of wanted.components) {
    using a = ours.openWeights(component), b = wanted.openWeights(component);
    assertSame(a, b, component);
  }
}

for (const name of ["ti2v_5b", "t2v_a14b", "i2v_a14b"]) {
  Deno.test(`diffusers → single files → diffusers is bit-identical: ${name}`, () =>
    withFolder((folder) => {
      leakFree(() => {
        const model = openModel(join(CHECKPOINTS, name));
        for (const component of model.components) {
          using weights = model.openWeights(component);
          const tokenizer = component === "text_encoder" ? spieceBytes(model.placeOf("tokenizer")) : undefined;
          const config = model.configJson(component);
          saveSingleFile(weights, join(folder, SINGLE[component]), { component, config, tokenizer });
        }
        const two = model.components.includes("transformer_2");
        const single = openModel({
          ...(two
            ? { highNoise: join(folder, SINGLE.transformer), lowNoise: join(folder, SINGLE.transformer_2) }
            : { transformer: join(folder, SINGLE.transformer) }),
          vae: join(folder, SINGLE.vae),
          textEncoder: join(folder, SINGLE.text_encoder),
        });
        const again = join(folder, "again");
        saveModel(single, again, { maxShardBytes: 60_000 });
        compareModels(openModel(again), model);
        assert.ok(existsSync(join(again, "transformer/diffusion_pytorch_model.safetensors.index.json")));
        assert.deepEqual(openModel(again).loadTokenizer().encode("dog"), model.loadTokenizer().encode("dog"));
        const spiece = readFileSync(join(CHECKPOINTS, name, "tokenizer/spiece.model"));
        assert.ok(readFileSync(join(again, "tokenizer/spiece.model")).equals(spiece));
        // as comfy/text_encoders/spiece_tokenizer.py takes it: the tensor's bytes are the file
        using file = SafetensorsFile.open(join(folder, SINGLE.text_encoder)), carried = file.read("spiece_model");
        assert.deepEqual([carried.dtype, carried.shape], ["uint8", [spiece.length]]);
        assert.ok(spiece.equals(carried.toBytes()));
      });
    }));
}

Deno.test("saveModel() keeps configs, writes shards below the limit and metadata, and reports progress", () =>
  withFolder((folder) => {
    leakFree(() => {
      const model = openModel(join(CHECKPOINTS, "ti2v_5b"));
      const to = join(folder, "out"), seen: number[] = [];
      let total = 0;
      const metadata = describeModel({ title: "dogs", architecture: model.variant.name, date: "2026-01-02T03:04:05Z" });
      saveModel(model, to, {
        maxShardBytes: 100_000,
        metadata,
        onProgress: ({ bytes, totalBytes }) => {
          seen.push(bytes);
          total = totalBytes;
        },
      });
      for (const path of ["model_index.json", "vae/config.json", "scheduler/scheduler_config.json"]) {
        const json = (root: string): unknown => JSON.parse(readFileSync(join(root, path), "utf8"));
        assert.deepEqual(json(to), json(join(CHECKPOINTS, "ti2v_5b")), path);
      }
      const shards = readdirSync(join(to, "transformer")).filter((file) => file.endsWith(".safetensors"));
      assert.ok(shards.length > 4, String(shards));
      for (const shard of shards) {
        using file = SafetensorsFile.open(join(to, "transformer", shard));
        const bytes = [...file.entries.values()].reduce((sum, { start, end }) => sum + end - start, 0);
        assert.ok(bytes <= 100_000 || file.entries.size === 1, shard);
        assert.equal(file.metadata.get("modelspec.title"), "dogs");
        assert.equal(file.metadata.get("format"), "pt");
      }
      assert.deepEqual(seen, seen.toSorted((a, b) => a - b));
      assert.equal(seen.at(-1), total);
      assert.deepEqual(readdirSync(folder), ["out"]);
      assert.throws(() => saveModel(model, to), /is not empty/);
      const wrong = tensorWeights(new Map(), { name: "nothing" });
      saveModel(model, join(folder, "replaced"), { replace: { vae: wrong } });
      assert.equal(openWeights(join(folder, "replaced/vae")).keys().length, 0);
    });
  }));

Deno.test("a model can be saved in another type", () =>
  withFolder((folder) => {
    leakFree(() => {
      const model = openModel(join(CHECKPOINTS, "ti2v_5b"));
      saveModel(model, join(folder, "half"), { dtype: "bfloat16" });
      using half = openWeights(join(folder, "half/transformer")), full = model.openWeights("transformer");
      for (const key of full.keys()) {
        assert.equal(half.dtypeOf(key), "bfloat16");
        assert.ok(half.load(key).equal(full.load(key, { dtype: "bfloat16" })), key);
      }
    });
  }));

Deno.test("scaled fp8 files hold Linears in fp8 and come back within fp8's precision", () =>
  withFolder((folder) => {
    leakFree(() => {
      const path = join(folder, "fp8.safetensors");
      const model = openModel(join(CHECKPOINTS, "ti2v_5b"));
      using weights = model.openWeights("transformer");
      const prefix = "model.diffusion_model.";
      saveSingleFile(weights, path, { component: "transformer", dtype: "fp8_scaled", prefix });
      using stored = openWeights(path);
      assert.equal(stored.dtypeOf(`${prefix}blocks.0.self_attn.q.weight`), "float8_e4m3fn");
      assert.deepEqual(stored.shapeOf(`${prefix}blocks.0.self_attn.q.scale_weight`), []);
      assert.equal(stored.dtypeOf(`${prefix}blocks.0.modulation`), "float32");
      assert.equal(stored.dtypeOf(`${prefix}head.head.weight`), "bfloat16");
      assert.ok(stored.has(`${prefix}scaled_fp8`));
      using back = openPart(path, "transformer").weights;
      assert.deepEqual([...back.keys()].sort(), [...weights.keys()].sort());
      for (const key of weights.keys()) {
        const wanted = weights.load(key, { dtype: "float32" });
        const gap = back.load(key, { dtype: "float32" }).sub(wanted).abs().amax([]).item();
        // half a step of e4m3 at the largest number, which is the scale's: 16/448
        assert.ok(gap <= wanted.abs().amax([]).item() * 0.036, `${key}: ${gap}`);
      }
      using vae = model.openWeights("vae");
      assert.throws(() => saveSingleFile(vae, path, { component: "vae", dtype: "fp8_scaled" }), /VAEs lose too much/);
    });
  }));

Deno.test("scaled fp8 text encoders hold the Linears in fp8, and tables, whose scales ComfyUI does not apply, in full", () =>
  withFolder((folder) => {
    leakFree(() => {
      const path = join(folder, "umt5.safetensors");
      using weights = openModel(join(CHECKPOINTS, "ti2v_5b")).openWeights("text_encoder");
      saveSingleFile(weights, path, { component: "text_encoder", dtype: "fp8_scaled" });
      using stored = openWeights(path);
      const fp8 = stored.keys().filter((key) => stored.dtypeOf(key) === "float8_e4m3fn" && key !== "scaled_fp8");
      // what comfy/text_encoders/t5.py makes of operations.Linear; the rest are operations.Embedding and T5LayerNorm
      const linear = /^encoder\.block\.\d+\.layer\.(0\.SelfAttention\.[qkvo]|1\.DenseReluDense\.w(i_0|i_1|o))\.weight$/;
      assert.deepEqual(fp8, weights.keys().filter((key) => linear.test(key)).sort());
      const scales = stored.keys().filter((key) => key.endsWith("scale_weight"));
      assert.deepEqual(scales, fp8.map((key) => key.replace(/weight$/, "scale_weight")));
      const table = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight";
      assert.equal(stored.dtypeOf(table), "float32");
      assert.ok(stored.load(table).equal(weights.load(table, { dtype: "float32" })));
    });
  }));

Deno.test("tensors without an official name are refused, not lost", () => {
  leakFree(() => {
    using full: Weights = openModel(join(CHECKPOINTS, "ti2v_5b")).openWeights("transformer");
    const extra = tensorWeights(new Map([["blocks.0.extra", full.load("proj_out.bias")]]), { name: "mine" });
    assert.throws(() => saveSingleFile(extra, "/nowhere/x", { component: "transformer" }), (error: unknown) => {
      assert.ok(error instanceof WeightsError);
      assert.match(error.message, /blocks\.0\.extra has none/);
      return true;
    });
  });
});

Deno.test("a disk that is too small is told before anything is written", () =>
  withSmallDisk(1000, (folder) => {
    const before = liveHandles();
    mkdirSync(join(folder, "empty"));
    assert.throws(() => saveModel(openModel(join(CHECKPOINTS, "ti2v_5b")), join(folder, "empty")), (error: unknown) => {
      assert.ok(error instanceof DiskError);
      assert.match(error.message, /it takes 1\.8 MB, the disk has/);
      return true;
    });
    assert.deepEqual(readdirSync(folder), ["empty"]);
    writeFileSync(join(folder, "still"), "works");
    assert.equal(liveHandles(), before);
  }).then(() => {}));
