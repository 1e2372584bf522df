import assert from "node:assert/strict";
import { join } from "node:path";
import { WeightsError } from "../../src/base/mod.ts";
import { fromBytes, full, ones, type Tensor, tensor, zeros } from "../../src/torch/mod.ts";
import {
  decodedWeights,
  fp8Facts,
  identifyParts,
  openPart,
  openWeights,
  saveSafetensors,
  type Weights,
} from "../../src/weights/mod.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const Q = "blocks.0.self_attn.q";

/** [2, 4] numbers that both fp8 types hold exactly. */
function eights(dtype: "float8_e4m3fn" | "float8_e5m2" = "float8_e4m3fn"): Tensor {
  return tensor([1, -2, 0.5, 4, 8, -0.25, 16, 0], { shape: [2, 4] }).to({ dtype });
}

function jsonBytes(value: unknown): Tensor {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  return fromBytes(bytes, { shape: [bytes.length], dtype: "uint8" });
}

function withSaved(tensors: Record<string, Tensor>, use: (weights: Weights) => void): Promise<void> {
  return withFolder((folder) => {
    const path = join(folder, "w.safetensors");
    leakFree(() => {
      saveSafetensors(path, tensors);
      using weights = decodedWeights(openWeights(path));
      use(weights);
    });
  });
}

Deno.test("fp8 weights without scales are cast as they are", async () => {
  for (const dtype of ["float8_e4m3fn", "float8_e5m2"] as const) {
    await withSaved({ [`${Q}.weight`]: eights(dtype), [`${Q}.bias`]: ones([2]) }, (weights) => {
      assert.equal(weights.dtypeOf(`${Q}.weight`), "bfloat16");
      assert.equal(weights.dtypeOf(`${Q}.bias`), "float32");
      assert.deepEqual(weights.load(`${Q}.weight`).toNumbers(), [1, -2, 0.5, 4, 8, -0.25, 16, 0]);
      assert.equal(weights.load(`${Q}.weight`, { dtype: "float32" }).dtype, "float32");
      assert.equal(weights.mapped(`${Q}.weight`).dtype, "bfloat16");
      assert.match(weights.describe(), new RegExp(`${dtype} without scales$`));
    });
  }
});

Deno.test("all spellings of scales give weight times scale, in float32 before the cast", async () => {
  const scaled = [1, -2, 0.5, 4, 8, -0.25, 16, 0].map((value) => value * Math.fround(0.3));
  const spellings: Record<string, Tensor>[] = [
    { scaled_fp8: zeros([2]).to({ dtype: "float8_e4m3fn" }), [`${Q}.scale_weight`]: full([], 0.3) },
    { scaled_fp8: zeros([0]), [`${Q}.scale_weight`]: full([1], 0.3), [`${Q}.scale_input`]: full([], 7) },
    { [`${Q}.weight_scale`]: full([], 0.3), [`${Q}.input_scale`]: full([], 7) },
    { [`${Q}.weight_scale`]: full([], 0.3), [`${Q}.comfy_quant`]: jsonBytes({ format: "float8_e4m3fn" }) },
    { [`${Q}.scale_weight`]: full([2, 1], 0.3) },
    { [`${Q}.scale_weight`]: full([2], 0.3) },
    { [`${Q}.scale_weight`]: full([2, 2, 1], 0.3) },
  ];
  for (const extra of spellings) {
    await withSaved({ [`${Q}.weight`]: eights(), ...extra }, (weights) => {
      assert.deepEqual(weights.keys(), [`${Q}.weight`]);
      const values = weights.load(`${Q}.weight`, { dtype: "float32" }).toNumbers();
      assert.deepEqual(values, scaled.map(Math.fround));
      assert.match(weights.describe(), /float8_e4m3fn scaled$/);
    });
  }
});

Deno.test("scales of rows and blocks belong to their rows and blocks", () =>
  withSaved(
    { [`${Q}.weight`]: eights(), [`${Q}.scale_weight`]: tensor([1, 10, 100, 1000], { shape: [2, 2, 1] }) },
    (w) => {
      assert.deepEqual(w.load(`${Q}.weight`, { dtype: "float32" }).toNumbers(), [1, -2, 5, 40, 800, -25, 16000, 0]);
    },
  ));

Deno.test("a scale of another shape is refused", () =>
  withSaved({ [`${Q}.weight`]: eights(), [`${Q}.scale_weight`]: ones([3]) }, (weights) => {
    assert.throws(() => weights.load(`${Q}.weight`), /shape is \[2,4\], that of .* is \[3\]/);
  }));

Deno.test("layouts that are not read are refused by name", async () => {
  const int8 = ones([2, 4], { dtype: "int8" });
  const layouts: [Record<string, Tensor>, RegExp][] = [
    [{ [`${Q}.weight`]: int8, [`${Q}.weight_scale`]: ones([]), [`${Q}.weight_scale_2`]: ones([]) }, /nvfp4/],
    [{ [`${Q}.weight`]: int8, [`${Q}.comfy_quant`]: jsonBytes({ format: "int8_tensorwise" }) }, /"int8_tensorwise" of/],
    [{ [`${Q}.weight`]: int8, [`${Q}.comfy_quant`]: jsonBytes("x") }, /"undefined" of ComfyUI/],
    [{ [`${Q}.weight`]: int8, [`${Q}.weight_scale`]: ones([]) }, /integers \(int8\)/],
    [{ [`${Q}.weight`]: int8, [`${Q}.weight.absmax`]: ones([1]) }, /bitsandbytes/],
    [{ [`${Q}.qweight`]: int8 }, /packed 4-bit/],
    [{ [`${Q}.weight`]: eights(), [`${Q}.weight_scale_inv`]: ones([1, 1]) }, /each square/],
  ];
  await withFolder((folder) => {
    const path = join(folder, "w.safetensors");
    leakFree(() => {
      for (const [tensors, message] of layouts) {
        saveSafetensors(path, tensors);
        assert.throws(() => decodedWeights(openWeights(path)), (error: unknown) => {
          assert.ok(error instanceof WeightsError);
          assert.match(error.message, message);
          assert.match(error.message, /which is not read \(blocks\.0/);
          return true;
        });
      }
    });
  });
});

Deno.test("weights that are not quantised stay what they are", () =>
  withSaved({ a: ones([2]), ids: ones([2], { dtype: "int64" }) }, (weights) => {
    assert.equal(fp8Facts(weights).kind, "none");
    assert.deepEqual(weights.keys(), ["ids", "a"]);
  }));

Deno.test("an all-in-one file gives each of its parts", () =>
  withFolder((folder) => {
    const path = join(folder, "all.safetensors");
    leakFree(() => {
      saveSafetensors(path, {
        [`model.diffusion_model.${Q}.weight`]: eights(),
        [`model.diffusion_model.${Q}.scale_weight`]: full([], 2),
        "model.diffusion_model.extra": ones([1]),
        "vae.encoder.downsamples.0.downsamples.1.residual.6.weight": ones([1]),
        "text_encoders.umt5xxl.transformer.encoder.embed_tokens.weight": ones([3, 2]),
        "text_encoders.umt5xxl.transformer.spiece_model": ones([4], { dtype: "uint8" }),
      });
      const keysOf = (part: "transformer" | "vae" | "text_encoder"): readonly string[] => {
        using weights = openPart(path, part).weights;
        return weights.keys();
      };
      assert.deepEqual(keysOf("transformer"), ["blocks.0.attn1.to_q.weight", "model.diffusion_model.extra"]);
      assert.deepEqual(keysOf("vae"), ["encoder.down_blocks.0.resnets.1.conv2.weight"]);
      assert.deepEqual(keysOf("text_encoder"), ["shared.weight"]);
      using weights = openPart(path, "transformer").weights;
      assert.equal(weights.load("blocks.0.attn1.to_q.weight").toNumbers()[0], 2);
    });
  }));

Deno.test("identifyParts() tells namings and prefixes", () => {
  const told = (...keys: string[]): unknown =>
    identifyParts(keys).map(({ part, naming, prefix }) => [part, naming, prefix]);
  assert.deepEqual(told("diffusion_model.head.modulation"), [["transformer", "original", "diffusion_model."]]);
  assert.deepEqual(told("scale_shift_table"), [["transformer", "diffusers", ""]]);
  assert.deepEqual(told("decoder.upsamples.3.resample.1.weight"), [["vae", "original", ""]]);
  assert.deepEqual(told("encoder.block.0.layer.0.layer_norm.weight"), [["text_encoder", "diffusers", ""]]);
  assert.deepEqual(told("blocks.0.attn.q.weight", "norm.weight"), [["text_encoder", "original", ""]]);
  assert.deepEqual(told("unet.down.0.weight"), []);
});
