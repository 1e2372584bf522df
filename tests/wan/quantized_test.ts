import assert from "node:assert/strict";
import { join } from "node:path";
import type { Built, Quantization, WeightPlace } from "../../src/nn/mod.ts";
import { Generator, noGrad, randn, type Tensor, tensor, tidy } from "../../src/torch/mod.ts";
import {
  buildTransformer,
  loadTransformer,
  parseTransformerConfig,
  saveSingleFile,
  type TransformerInputs,
  type WanTransformer,
} from "../../src/wan/mod.ts";
import { openPart, openWeights } from "../../src/weights/mod.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const TRAINED = join(import.meta.dirname ?? ".", "../../presets/demo/model/transformer");
const KINDS: readonly Quantization[] = ["fp8", "int8", "nf4"];
const PLACES: readonly (WeightPlace | undefined)[] = [undefined, "resident", "streamed", "mapped"];

/** Two samples at the two ends of the noise levels and between. */
function inputs(): TransformerInputs {
  using generator = Generator.seeded(4);
  return {
    hiddenStates: randn([3, 48, 3, 8, 8], { generator }),
    timestep: tensor([50, 500, 950]),
    encoderHiddenStates: randn([3, 20, 64], { generator }),
  };
}

function output({ model, params }: Built<WanTransformer>): Tensor {
  try {
    return noGrad(() => tidy(() => model.forward(inputs()).float()));
  } finally {
    for (const param of params.values()) param[Symbol.dispose]();
    model[Symbol.dispose]();
  }
}

function off(found: Tensor, wanted: Tensor): number {
  return tidy(() => found.sub(wanted).norm().item() / wanted.norm().item());
}

/**
 * Relative error of the trained tiny model's velocity in bfloat16 against the one with a bfloat16 base. Measured: 0.0225, 0.0107,
 * 0.0680; of it, bfloat16 arithmetic makes 0.009, and in float32 the quantisation alone is off by 0.0199, 0.0046, 0.0670.
 */
const BOUNDS: Record<Quantization, number> = { fp8: 0.03, int8: 0.015, nf4: 0.085 };

Deno.test("the trained tiny model with a quantised base stays near the bfloat16 one", () => {
  leakFree(() => {
    const wanted = output(loadTransformer(TRAINED, { dtype: "bfloat16" }));
    for (const quantization of KINDS) {
      const error = off(output(loadTransformer(TRAINED, { dtype: "bfloat16", quantization })), wanted);
      assert(error < BOUNDS[quantization] && error > 0, `${quantization} is off by ${error}`);
    }
  });
});

Deno.test("a quantised base gives the same bits wherever its codes are", () => {
  leakFree(() => {
    for (const quantization of KINDS) {
      const [wanted, ...others] = PLACES.map((blocks) =>
        output(loadTransformer(TRAINED, { dtype: "float32", quantization, blocks })).toBytes()
      );
      others.forEach((bytes, i) => assert.deepEqual(bytes, wanted, `${quantization}, ${PLACES[i + 1]}`));
    }
  });
});

Deno.test("an fp8_scaled file is read straight into an fp8 base: its own codes, the numbers of its decoded weights", () =>
  withFolder((folder) => {
    const path = join(folder, "scaled.safetensors");
    using source = openWeights(TRAINED);
    const config: unknown = JSON.parse(Deno.readTextFileSync(join(TRAINED, "config.json")));
    saveSingleFile(source, path, {
      ...{ component: "transformer", naming: "original", dtype: "fp8_scaled" },
      config,
    });
    leakFree(() => {
      const build = (quantization: Quantization | undefined, blocks?: WeightPlace): Built<WanTransformer> => {
        const { weights } = openPart(path, "transformer");
        return buildTransformer({ weights, config: parseTransformerConfig(config, path), name: path }, {
          ...{ dtype: "float32", quantization, blocks },
        });
      };
      const layer = "blocks.2.attn1.to_q.weight";
      const { model, params } = build("fp8");
      using stored = openWeights(path);
      const key = stored.keys().find((name) => name.endsWith("blocks.2.self_attn.q.weight")) ?? "";
      assert.deepEqual(params.get(`${layer}.codes`)?.toBytes(), stored.load(key).toBytes());
      for (const quantization of ["fp8", "int8"] as const) {
        const { model: mapped, params: away } = build(quantization, "mapped");
        assert.equal(mapped.blockWeights?.quantizesMapped, quantization === "int8", "fp8 is stored, int8 is made");
        for (const param of away.values()) param[Symbol.dispose]();
        mapped[Symbol.dispose]();
      }
      const decoded = output(build(undefined));
      for (const blocks of PLACES) assert(off(output(build("fp8", blocks)), decoded) < 1e-5);
      for (const param of params.values()) param[Symbol.dispose]();
      model[Symbol.dispose]();
    });
  }));
