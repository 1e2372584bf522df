import assert from "node:assert/strict";
import { join } from "node:path";
import { WeightsError } from "../../src/base/mod.ts";
import { type DType, Generator, randn, type Tensor, tensor, tidy } from "../../src/torch/mod.ts";
import {
  loadTransformer,
  StreamedTransformer,
  tinySizes,
  type TransformerInputs,
  VARIANTS,
  writeFreshModel,
} from "../../src/wan/mod.ts";
import { openWeights } from "../../src/weights/mod.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const [variant] = VARIANTS;
assert.ok(variant);
const sizes = tinySizes(variant);
const { inChannels, textDim } = sizes.transformer;

function inputs(dtype: DType): TransformerInputs {
  using generator = Generator.seeded(4);
  const noise = (shape: readonly number[]): Tensor => randn(shape, { generator }).to({ dtype });
  return {
    hiddenStates: noise([1, inChannels, 3, 4, 4]),
    timestep: tensor([700]),
    encoderHiddenStates: noise([1, 20, textDim]),
  };
}

Deno.test("StreamedTransformer gives the numbers of the loaded one, from shards and in either type", () =>
  withFolder((folder) => {
    for (const dtype of ["float32", "bfloat16"] as const) {
      const path = join(folder, dtype);
      writeFreshModel(path, { variant, sizes, dtype, seed: 1, only: ["transformer"], maxShardBytes: 700_000 });
      const transformer = join(path, "transformer");
      for (const wanted of ["float32", "bfloat16"] as const) {
        leakFree(() => {
          const { model, params } = loadTransformer(transformer, { dtype: wanted, device: "cpu" });
          const given = inputs(wanted);
          const whole = model.forward(given);
          using streamed = new StreamedTransformer(openWeights(transformer), {
            config: sizes.transformer,
            dtype: wanted,
            name: transformer,
          });
          for (let pass = 0; pass < 2; pass++) {
            const parts = tidy(() => streamed.forward(given));
            assert.deepEqual(parts.toBytes(), whole.toBytes(), `${dtype} as ${wanted}`);
          }
          for (const param of params.values()) param[Symbol.dispose]();
          model[Symbol.dispose]();
        });
      }
    }
  }));

Deno.test("StreamedTransformer refuses weights that do not fit before it computes", () =>
  withFolder((folder) => {
    writeFreshModel(folder, { variant, sizes, dtype: "float32", seed: 1, only: ["transformer"] });
    const open = (config: typeof sizes.transformer): StreamedTransformer =>
      new StreamedTransformer(openWeights(join(folder, "transformer")), { config, dtype: "float32", name: "x" });
    assert.throws(() => open({ ...sizes.transformer, numLayers: 5 }), (error) =>
      error instanceof WeightsError && /27 tensors missing/.test(error.message));
    assert.throws(() =>
      open({ ...sizes.transformer, ffnDim: 300 }), /of another shape/);
    assert.throws(() => open({ ...sizes.transformer, numLayers: 3 }), /unknown to the model/);
  }));
