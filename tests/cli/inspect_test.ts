import assert from "node:assert/strict";
import { join } from "node:path";
import { inspectFile, type Inspection } from "../../src/cli/inspect/look.ts";
import { full, ones } from "../../src/torch/mod.ts";
import { openModel, saveSingleFile } from "../../src/wan/mod.ts";
import { openWeights, saveSafetensors } from "../../src/weights/mod.ts";
import { ownGoldenDir } from "../support/paths.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const TI2V = join(ownGoldenDir(), "checkpoints", "ti2v_5b");

const look = (path: string): Inspection => inspectFile(path, { values: true, check: () => {} });

Deno.test("inspect looks at the numbers that fp8 codes stand for, and not at marks of the layout", () =>
  withFolder((folder) => {
    leakFree(() => {
      const path = join(folder, "fp8.safetensors");
      for (const component of ["transformer", "text_encoder"] as const) {
        using weights = openModel(TI2V).openWeights(component);
        saveSingleFile(weights, path, { component, dtype: "fp8_scaled" });
        const { suspicious, tensors } = look(path);
        assert.deepEqual(suspicious, {}, component);
        const coded = tensors.filter(({ dtype, rms }) => dtype === "float8_e4m3fn" && rms !== undefined);
        const key = component === "transformer" ? "blocks.0.ffn.2" : "encoder.block.0.layer.0.SelfAttention.q";
        const found = coded.find(({ name }) => name === `${key}.weight`);
        const wanted = weights.load(component === "transformer" ? "blocks.0.ffn.net.2.weight" : `${key}.weight`, {
          dtype: "float32",
        });
        // the largest number is a code itself: what is lost is bfloat16's rounding, 1/256
        const gap = Math.abs((found?.largest ?? NaN) - wanted.abs().amax([]).item());
        assert.ok(gap <= wanted.abs().amax([]).item() * 0.005, `${gap}`);
      }
      using stored = openWeights(path);
      const [weight = ""] = stored.keys().filter((key) => stored.dtypeOf(key) === "float8_e4m3fn");
      const tensors = new Map(stored.keys().map((key) => [key, stored.load(key)]));
      const broken = join(folder, "broken.safetensors");
      saveSafetensors(broken, tensors.set(weight.replace(/weight$/, "scale_weight"), full([], NaN)));
      assert.deepEqual(look(broken).suspicious, { "not finite": [weight] });
    });
  }));

Deno.test("inspect says nothing of the values of a layout that is not read", () =>
  withFolder((folder) => {
    leakFree(() => {
      const path = join(folder, "w.safetensors"), q = "blocks.0.self_attn.q";
      saveSafetensors(path, {
        [`${q}.weight`]: ones([2, 2], { dtype: "uint8" }),
        [`${q}.weight_scale_2`]: full([], 1e6),
      });
      const { suspicious, problems } = look(path);
      assert.equal(suspicious, undefined);
      assert.match(problems[0] ?? "", /quantised as nvfp4/);
    });
  }));
