import assert from "node:assert/strict";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ones, type Tensor } from "../../src/torch/mod.ts";
import { detectFile, openModel, transformerShapes, type Variant, VARIANTS } from "../../src/wan/mod.ts";
import { originalName, saveSafetensors } from "../../src/weights/mod.ts";
import { ownGoldenDir } from "../support/paths.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const CASES = join(ownGoldenDir(), "cases"), CHECKPOINTS = join(ownGoldenDir(), "checkpoints");
const BYTES: Record<string, number> = { BF16: 2, F32: 4, F8_E4M3: 1, U8: 1 };

/** A file of the given tensors without any bytes on disk: the header, then a hole. */
function writeHollow(
  path: string,
  tensors: readonly (readonly [name: string, dtype: string, shape: readonly number[]])[],
): void {
  let offset = 0;
  const entries = tensors.map(([name, dtype, shape]) => {
    const begin = offset;
    offset += shape.reduce((product, size) => product * size, BYTES[dtype] ?? 0);
    return [name, { dtype, shape, data_offsets: [begin, offset] }];
  });
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const bytes = new Uint8Array(8 + json.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  writeFileSync(path, bytes);
  truncateSync(path, bytes.length + offset);
}

function published(name: string): Variant {
  return VARIANTS.find((variant) => variant.name === name) ?? assert.fail();
}

/** A transformer of published size under the official names. */
function officialTensors(
  variant: Variant,
  options: { prefix?: string; dtype?: string } = {},
): [string, string, readonly number[]][] {
  const { prefix = "", dtype = "BF16" } = options;
  const { numHeads, headDim } = variant.transformer;
  const config = { ...variant.transformer, width: numHeads * headDim, eps: 1e-6 };
  return [...transformerShapes(config)].map(([key, shape]) => [
    prefix + (originalName(key, { part: "transformer" }) ?? assert.fail(key)),
    dtype,
    shape,
  ]);
}

Deno.test("published transformers are told by their shapes, at once and without being read", () =>
  withFolder((folder) => {
    leakFree(() => {
      const path = join(folder, "wan2.2_t2v_high_noise_14B_bf16.safetensors");
      writeHollow(path, officialTensors(published("wan2.2-t2v-a14b")));
      const began = performance.now();
      const high = detectFile(path);
      assert.ok(performance.now() - began < 2000);
      assert.deepEqual(high.parts[0]?.variants, ["wan2.2-t2v-a14b", "wan2.1-t2v-14b"]);
      assert.equal(high.numParameters, 14_288_491_584);
      assert.deepEqual(high.problems, []);
      assert.ok(
        high.sentence.endsWith(
          "is the transformer of one expert of WAN 2.2 T2V-A14B or WAN 2.1 T2V-14B (high noise by its name) under " +
            "official names: 1095 tensors, 14.29 billion numbers, 28.58 GB, bfloat16",
        ),
        high.sentence,
      );
      const scaled = officialTensors(published("wan2.2-ti2v-5b"), { prefix: "model.diffusion_model." })
        .flatMap(([name, dtype, shape]): [string, string, readonly number[]][] =>
          /blocks.*(attn\.[qkvo]|ffn\.\d)\.weight$/.test(name)
            ? [[name, "F8_E4M3", shape], [name.replace(/weight$/, "scale_weight"), "F32", []]]
            : [[name, dtype, shape]]
        );
      writeHollow(path, [...scaled, ["model.diffusion_model.scaled_fp8", "F8_E4M3", [2]]]);
      const small = detectFile(path);
      assert.deepEqual([small.kind, small.fp8.kind, small.fp8.numScaled], ["transformer", "scaled", 300]);
      assert.match(small.sentence, /WAN 2\.2 TI2V-5B under official names with the prefix model\.diffusion_model\./);
      assert.match(small.sentence, /float8_e4m3fn scaled$/);
      assert.deepEqual(small.problems, []);
    });
  }));

Deno.test("what is missing, surplus or of another shape is grouped and short", () =>
  withFolder((folder) => {
    leakFree(() => {
      const path = join(folder, "w.safetensors");
      const whole = officialTensors(published("wan2.2-i2v-a14b"));
      const cut = whole.filter(([name]) => !/blocks\.\d+\.self_attn\.q\.weight|head\.head\.bias/.test(name));
      writeHollow(path, [...cut, ["blocks.0.extra", "BF16", [1]], ["blocks.1.extra", "BF16", [1]]]);
      const { problems } = detectFile(path);
      assert.deepEqual(problems, [
        "41 tensors missing: blocks.{0..39}.attn1.to_q.weight [5120, 5120] (40 tensors), proj_out.bias [64]; " +
        "2 tensors unknown to the model: blocks.{0..1}.extra (2 tensors)",
      ]);
    });
  }));

Deno.test("relatives that wantune does not have, and unreadable layouts, are named", () =>
  withFolder((folder) => {
    leakFree(() => {
      const path = join(folder, "w.safetensors");
      const whole = officialTensors(published("wan2.2-i2v-a14b"));
      const problemWith = (name: string): string | undefined => {
        writeHollow(path, [...whole, [name, "BF16", [1]]]);
        const { problems, parts } = detectFile(path);
        assert.deepEqual(parts[0]?.variants, []);
        return problems[0];
      };
      assert.match(problemWith("control_adapter.conv.weight") ?? "", /it is a Fun Control-Camera model, which/);
      assert.match(problemWith("vace_blocks.0.self_attn.q.weight") ?? "", /VACE/);
      assert.match(problemWith("blocks.0.cross_attn.k_img.weight") ?? "", /WAN 2\.1 I2V model/);
      const q = "blocks.0.self_attn.q";
      saveSafetensors(path, { [`${q}.weight`]: ones([2, 2], { dtype: "uint8" }), [`${q}.weight_scale_2`]: ones([]) });
      assert.match(detectFile(path).problems[0] ?? "", /quantised as nvfp4/);
    });
  }));

Deno.test("every kind of file says what it is", () =>
  withFolder((folder) => {
    leakFree(() => {
      const said = (path: string, kind: string, words: RegExp): void => {
        const file = detectFile(path);
        assert.equal(file.kind, kind, path);
        assert.match(file.sentence, words);
        assert.deepEqual(file.problems, []);
      };
      said(join(CASES, "original_vae21/Wan2.1_VAE.pth"), "vae", /the VAE of WAN 2\.1 \(16 latent channels\)/);
      said(join(CHECKPOINTS, "ti2v_5b/vae"), "vae", /the VAE of WAN 2\.2 .* under diffusers' names/);
      said(join(CHECKPOINTS, "t2v_a14b/text_encoder"), "text_encoder", /a UMT5 text encoder .* transformers' names/);
      said(join(CHECKPOINTS, "t2v_a14b/transformer"), "transformer", /another size \(2 blocks of width 64\)/);
      said(
        join(CASES, "lora_ti2v/musubi.safetensors"),
        "adapter",
        /by musubi-tuner and kohya: 30 LoRA modules .* rank 4/,
      );
      said(
        join(CASES, "embedding_token/embedding_diffusers.safetensors"),
        "embedding",
        /for <golden-style> of 3 vectors/,
      );
      const path = join(folder, "x.safetensors");
      saveSafetensors(path, { "exp_avg.0": ones([2]), "exp_avg_sq.0": ones([2]), "step.0": ones([]) });
      said(path, "optimizer", /state of an optimizer: 3 tensors/);
      saveSafetensors(path, { "unet.a.b": ones([2]), "unet.c.d": ones([2]) });
      said(path, "unknown", /no file that wantune knows/);
      saveSafetensors(path, {
        "transformer_2.blocks.0.attn1.to_q.lokr_w1": ones([2, 2]),
        "transformer_2.blocks.0.attn1.to_q.lokr_w2": ones([1536, 1536]),
        "text_encoder.encoder.block.0.layer.0.SelfAttention.q.lora_A.weight": ones([2, 4]),
        "text_encoder.encoder.block.0.layer.0.SelfAttention.q.lora_B.weight": ones([4, 2]),
        "text_encoder.encoder.block.0.layer.0.SelfAttention.q.dora_scale": ones([4, 1]),
      });
      said(path, "adapter", /1 DoRA \(LoRA\) module for text_encoder; 1 LoKr module for transformer_2, rank 2/);
    });
  }));

Deno.test("an adapter that lacks factors, has some that do not fit, or names that are none is a problem, alike ones in one line", () =>
  withFolder((folder) => {
    leakFree(() => {
      const path = join(folder, "lora.safetensors");
      const pair = (module: string, rank = 4): [string, Tensor][] => [
        [`transformer.${module}.lora_A.weight`, ones([4, 8])],
        [`transformer.${module}.lora_B.weight`, ones([8, rank])],
      ];
      const whole = [0, 1, 2].flatMap((block) => pair(`blocks.${block}.attn1.to_q`));
      const problems = (tensors: readonly [string, Tensor][]): readonly string[] => {
        saveSafetensors(path, new Map(tensors));
        const file = detectFile(path);
        assert.equal(file.kind, "adapter");
        return file.problems;
      };
      assert.deepEqual(problems(whole), []);
      assert.deepEqual(problems([...whole.filter(([key]) => !/[02].*lora_B/.test(key)), ...pair("proj_out", 3)]), [
        "blocks.{0,2}.attn1.to_q has down only, a LoRA needs up too (2 modules)",
        "the LoRA factors of proj_out are [4,8] and [8,3], they must be [r, in] and [out, r]",
      ]);
      assert.match(
        problems([...whole, ["unet.x.lora_A.weight", ones([1])]]).join(),
        /^1 of 7 names are no LoRA of a WAN/,
      );
    });
  }));

Deno.test("a published transformer does not go with a text encoder of another width", () =>
  withFolder((folder) => {
    leakFree(() => {
      const path = join(folder, "ti2v.safetensors");
      writeHollow(path, officialTensors(published("wan2.2-ti2v-5b")));
      const files = {
        transformer: path,
        vae: join(CHECKPOINTS, "ti2v_5b/vae"),
        textEncoder: join(CHECKPOINTS, "ti2v_5b/text_encoder"),
        tokenizer: join(CHECKPOINTS, "ti2v_5b/tokenizer"),
      };
      assert.throws(() => openModel(files), /takes text of width 4096, the encoder's is 32/);
    });
  }));
