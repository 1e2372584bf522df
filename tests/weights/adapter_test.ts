import assert from "node:assert/strict";
import { join } from "node:path";
import { WeightsError } from "../../src/base/mod.ts";
import { Generator, ones, randn, type Tensor } from "../../src/torch/mod.ts";
import {
  AdapterFile,
  type AdapterMap,
  type AdapterNaming,
  type AdapterTensors,
  describeLora,
  expertEntry,
  expertInHeader,
  metadataLines,
  openWeights,
  parseAdapterKey,
  readAdapters,
  saveAdapters,
  saveSafetensors,
} from "../../src/weights/mod.ts";
import { ownGoldenDir } from "../support/paths.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const CASES = join(ownGoldenDir(), "cases");
const NAMINGS: readonly AdapterNaming[] = ["diffusers", "comfy", "musubi"];

/** Asserts that two sets of adapters are the same to the bit, alpha included. */
function same(ours: AdapterMap, wanted: AdapterMap): void {
  assert.deepEqual([...ours.keys()].sort(), [...wanted.keys()].sort());
  for (const [module, adapter] of wanted) {
    const mine = ours.get(module) as AdapterTensors;
    assert.equal(mine.kind, adapter.kind);
    assert.equal(mine.alpha, adapter.alpha, module);
    assert.deepEqual(Object.keys(mine.tensors).sort(), Object.keys(adapter.tensors).sort());
    for (const [part, tensor] of Object.entries(adapter.tensors)) {
      const other = mine.tensors[part as keyof AdapterTensors["tensors"]] as Tensor;
      assert.equal(other.dtype, tensor.dtype);
      assert.ok(other.flatten().equal(tensor.flatten()), `${module} ${part}`);
    }
  }
}

function numbers(...shape: number[]): Tensor {
  using generator = Generator.seeded(shape.reduce((sum, size) => sum * 31 + size, 7));
  return randn(shape, { generator });
}

for (const id of ["lora_ti2v", "lora_t2v_high", "lora_t2v_low", "lora_i2v_high"]) {
  Deno.test(`${id} goes through all three namings and comes back bit for bit`, () =>
    withFolder((folder) => {
      leakFree(() => {
        using start = readAdapters(join(CASES, id, "diffusers/pytorch_lora_weights.safetensors"));
        let path = "";
        let modules: AdapterMap = start.modules;
        using read = new DisposableStack();
        for (const [i, naming] of [...NAMINGS, ...NAMINGS.toReversed()].entries()) {
          path = join(folder, `${i}.safetensors`);
          saveAdapters(path, { transformer: modules }, { naming });
          modules = read.use(readAdapters(path)).modules;
          same(modules, start.modules);
        }
      });
    }));
}

Deno.test("adapters of every kind keep their numbers in every naming that has the kind", () =>
  withFolder((folder) => {
    leakFree(() => {
      const q = "blocks.0.attn1.to_q", lora = { down: numbers(2, 8), up: numbers(8, 2) };
      const modules = new Map<string, AdapterTensors>([
        [q, { kind: "lora", tensors: lora, alpha: 0.1 }],
        ["blocks.1.attn1.to_q", {
          kind: "lora",
          tensors: { ...lora, magnitude: numbers(8, 1), bias: numbers(8) },
          alpha: 2,
        }],
        ["blocks.0.attn2.to_out.0", {
          kind: "lokr",
          tensors: { w1: numbers(2, 2), w2_a: numbers(4, 1), w2_b: numbers(1, 4) },
          alpha: 3,
        }],
        ["blocks.0.ffn.net.2", {
          kind: "loha",
          tensors: { w1_a: numbers(8, 2), w1_b: numbers(2, 8), w2_a: numbers(8, 2), w2_b: numbers(2, 8) },
          alpha: 1,
        }],
        ["blocks.0.norm2", { kind: "diff", tensors: { weight: numbers(8), bias: numbers(8) }, alpha: undefined }],
        ["scale_shift_table", { kind: "diff", tensors: { weight: numbers(1, 2, 8) }, alpha: undefined }],
      ]);
      const dora: AdapterTensors = { kind: "lora", tensors: { ...lora, magnitude: numbers(8, 1) }, alpha: 2 };
      const taken = new Map([...modules].slice(0, 1)).set("blocks.1.attn1.to_q", dora); // what diffusers takes of these
      for (const naming of NAMINGS) {
        const path = join(folder, `${naming}.safetensors`), wanted = naming === "diffusers" ? taken : modules;
        saveAdapters(path, { transformer: wanted }, { naming });
        using read = readAdapters(path);
        same(read.modules, wanted);
        assert.equal(read.component, naming === "diffusers" ? "transformer" : undefined);
      }
      for (const one of modules) {
        if (one[0] === q) continue;
        assert.throws(
          () => saveAdapters(join(folder, "no.safetensors"), { transformer: new Map([one]) }, { naming: "diffusers" }),
          /in the naming of diffusers: it refuses files with transformer\..*\.(lokr_w|hada_w|diff)/,
        );
      }
      using file = openWeights(join(folder, "comfy.safetensors"));
      assert.deepEqual(file.shapeOf("diffusion_model.blocks.1.self_attn.q.dora_scale"), [8, 1]);
      assert.ok(file.has("diffusion_model.blocks.0.norm3.diff_b") && file.has("diffusion_model.head.modulation.diff"));
      using peft = openWeights(join(folder, "diffusers.safetensors"));
      assert.deepEqual(peft.shapeOf("transformer.blocks.1.attn1.to_q.lora_magnitude_vector"), [8]);
      assert.match(peft.metadata.get("lora_adapter_metadata") ?? "", /"transformer\.use_dora": true/);
      using kinds = AdapterFile.open(join(folder, "musubi.safetensors"));
      assert.deepEqual(Object.fromEntries(kinds.kinds(undefined)), {
        LoRA: 1,
        "DoRA (LoRA)": 1,
        LoKr: 1,
        LoHa: 1,
        differences: 2,
      });
    });
  }));

Deno.test("a file holds one expert's adapters and the text encoder's; in diffusers' naming either expert is the transformer", () =>
  withFolder((folder) => {
    const path = join(folder, "a.safetensors");
    leakFree(() => {
      const of = (seed: number, module: string): AdapterMap =>
        new Map([[module, { kind: "lora", tensors: { down: numbers(seed, 8), up: numbers(8, seed) }, alpha: 5 }]]);
      const q = "blocks.0.attn1.to_q", t = "encoder.block.0.layer.0.SelfAttention.q";
      const models = { transformer: of(2, q), transformer_2: of(3, q), text_encoder: of(4, t) };
      for (const naming of NAMINGS) {
        assert.throws(() => saveAdapters(path, models, { naming }), /do not tell them apart/);
        saveAdapters(path, { transformer_2: models.transformer_2, text_encoder: models.text_encoder }, { naming });
        using low = readAdapters(path, { component: "transformer_2" }),
          text = readAdapters(path, { component: "text_encoder" });
        same(low.modules, models.transformer_2);
        same(text.modules, models.text_encoder);
      }
      // diffusers loaders/peft.py, load_lora_adapter: of a file for either expert it takes what begins with "transformer."
      saveAdapters(path, { transformer_2: models.transformer_2 }, { naming: "diffusers" });
      using file = openWeights(path);
      assert.deepEqual([...file.keys()].sort(), ["lora_A", "lora_B"].map((part) => `transformer.${q}.${part}.weight`));
      const config = JSON.parse(file.metadata.get("lora_adapter_metadata") ?? "");
      assert.deepEqual([config["transformer.r"], config["transformer.lora_alpha"]], [3, 5]);
      assert.throws(() => readAdapters(path, { component: "text_encoder" }), /not for text_encoder/);
    });
  }));

Deno.test("a file that names both experts is read, each under its own name", () =>
  withFolder((folder) => {
    const path = join(folder, "both.safetensors");
    leakFree(() => {
      const q = "blocks.0.attn1.to_q", t = "encoder.block.0.layer.0.SelfAttention.q";
      const ranks = { [`transformer.${q}`]: 2, [`transformer_2.${q}`]: 3, [`text_encoder.${t}`]: 4 };
      saveSafetensors(
        path,
        Object.fromEntries(
          Object.entries(ranks).flatMap(([place, rank]) => [
            [`${place}.lora_A.weight`, numbers(rank, 8)],
            [`${place}.lora_B.weight`, numbers(8, rank)],
          ]),
        ),
      );
      using file = AdapterFile.open(path);
      assert.deepEqual([...file.components].sort(), ["text_encoder", "transformer", "transformer_2"]);
      for (const [place, rank] of Object.entries(ranks)) {
        const [component = "", ...rest] = place.split(".");
        using read = readAdapters(path, { component: component as "transformer" });
        assert.equal(read.modules.get(rest.join("."))?.tensors.down?.size(0), rank);
      }
      assert.throws(() => readAdapters(path), /holds adapters for .* and /);
      saveSafetensors(path, {
        [`transformer_2.${q}.lora_A.weight`]: numbers(3, 8),
        [`transformer_2.${q}.lora_B.weight`]: numbers(8, 3),
      });
      assert.throws(
        () => readAdapters(path, { component: "transformer" }),
        /is for transformer_2, not for transformer/,
      );
    });
  }));

Deno.test("names of all programs lead to their modules", () => {
  const told = (key: string): unknown => {
    const parsed = parseAdapterKey(key);
    return parsed && [parsed.component, parsed.module, parsed.part];
  };
  const q = "blocks.3.attn1.to_q", t = "encoder.block.3.layer.1.DenseReluDense.wi_0";
  const names: Record<string, unknown> = {
    "transformer_2.blocks.3.attn1.to_q.lora_A.weight": ["transformer_2", q, "down"],
    "diffusion_model.transformer_1.blocks.3.self_attn.q.lora_A.weight": ["transformer", q, "down"],
    "diffusion_model.transformer_2.blocks.3.self_attn.q.lora_B.weight": ["transformer_2", q, "up"],
    "base_model.model.blocks.3.attn1.to_q.lora_A.default.weight": [undefined, q, "down"],
    "lycoris_blocks_3_self_attn_q.lokr_w1": [undefined, q, "w1"],
    "lora_unet_blocks_3_self_attn_q.dora_scale": [undefined, q, "magnitude"],
    "blocks.3.self_attn.norm_q.diff": [undefined, "blocks.3.attn1.norm_q", "weight"],
    "diffusion_model.time_projection.1.diff_b": [undefined, "condition_embedder.time_proj", "bias"],
    "text_encoder.encoder.block.3.layer.1.DenseReluDense.wi_0.lora_A.weight": ["text_encoder", t, "down"],
    "text_encoders.umt5xxl.transformer.blocks.3.ffn.gate.0.lora_up.weight": ["text_encoder", t, "up"],
    "lora_te_encoder_block_3_layer_1_DenseReluDense_wi_0.alpha": ["text_encoder", t, "alpha"],
    "lora_te1_blocks_3_ffn_gate_0.alpha": ["text_encoder", t, "alpha"],
    "lora_unet_down_blocks_0.lora_up.weight": undefined,
    "transformer.blocks.3.self_attn.q.lora_A.weight": undefined, // never in that mixture
  };
  for (const [key, wanted] of Object.entries(names)) assert.deepEqual(told(key), wanted, key);
});

Deno.test("adapters that are incomplete or contradict themselves are refused by name", () =>
  withFolder((folder) => {
    const path = join(folder, "a.safetensors");
    const q = "diffusion_model.blocks.0.self_attn.q";
    leakFree(() => {
      const refuses = (parts: Record<string, Tensor>, message: RegExp): void => {
        saveSafetensors(path, Object.fromEntries(Object.entries(parts).map(([part, x]) => [`${q}.${part}`, x])));
        assert.throws(() => readAdapters(path), (error: unknown) => {
          assert.ok(error instanceof WeightsError);
          assert.match(error.message, message);
          return true;
        });
      };
      const matrix = ones([2, 2]);
      refuses({ lokr_w1: matrix }, /LoKr of blocks\.0\.attn1\.to_q has no w2/);
      refuses({ lokr_w1: matrix, lokr_w2_a: matrix }, /has no w2/);
      refuses({ lokr_w1: matrix, lokr_w2: matrix, lokr_w2_a: matrix, lokr_w2_b: matrix }, /has no w2/);
      refuses({ lokr_w1: matrix, lokr_w2_a: matrix, lokr_w2_b: matrix, lokr_t2: matrix }, /Tucker form/);
      refuses({ hada_w1_a: matrix, hada_w1_b: matrix }, /needs w2_a and w2_b too/);
      refuses({ hada_w1_a: matrix, hada_w1_b: ones([3, 2]), hada_w2_a: matrix, hada_w2_b: matrix }, /LoHa factors/);
      refuses({ lokr_w1: matrix, lokr_w2: matrix, hada_w1_a: matrix }, /LoHa and LoKr at once/);
      refuses({ dora_scale: matrix }, /has magnitude only/);
      refuses({ diff: ones([2], { dtype: "int32" }) }, /must be floating-point/);
      refuses({ "lora_B.bias": matrix }, /LoRA with a bias/);
      refuses({ oft_blocks: matrix }, /OFT/);
    });
  }));

Deno.test("the header tells the facts of the run, its config and hash", () => {
  const metadata = describeLora({
    title: "dogs",
    architecture: "wan2.2-t2v-a14b",
    rank: 16,
    alpha: 8,
    expert: "high",
    timestepRange: [875, 1000],
    config: { seed: 1 },
    configHash: "abc",
  }, { folded: false });
  assert.equal(metadata.ss_network_alpha, "8");
  assert.equal(metadata["modelspec.timestep_range"], "875,1000");
  assert.equal(metadata["wantune.config"], '{"seed":1}');
  assert.equal(metadata["wantune.config_hash"], "abc");
  const header = new Map(Object.entries(metadata));
  assert.equal(expertInHeader(header), "high");
  const other = expertEntry(header, "low");
  assert.deepEqual(other, { ss_network_args: '{"trained_alpha":8,"expert":"low"}' });
  assert.equal(expertInHeader(new Map(Object.entries(other))), "low");
  assert.equal(expertInHeader(new Map([["ss_network_args", '"x']])), undefined);
  const lines = metadataLines(new Map([["a", "x\n  y"], ["b", "z".repeat(300)]]));
  assert.deepEqual(lines, ["a: x y", `b: ${"z".repeat(97)}... (300 characters)`]);
});
