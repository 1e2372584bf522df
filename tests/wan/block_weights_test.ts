import assert from "node:assert/strict";
import { join } from "node:path";
import { WeightsError } from "../../src/base/mod.ts";
import type { WeightPlace } from "../../src/nn/mod.ts";
import { type BlockPlan, forwardBackward } from "../../src/parallel/mod.ts";
import {
  type DType,
  Generator,
  liveHandles,
  mseLoss,
  noGrad,
  randn,
  type Tensor,
  tensor,
  tidy,
} from "../../src/torch/mod.ts";
import {
  loadTransformer,
  type Stem,
  tinySizes,
  trainableParts,
  type TransformerInputs,
  VARIANTS,
  type WanTransformer,
  writeFreshModel,
} from "../../src/wan/mod.ts";
import { freshLoras } from "../support/adapters.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const [variant] = VARIANTS;
assert.ok(variant);
const sizes = tinySizes(variant);
const { inChannels, outChannels, textDim, numLayers } = sizes.transformer;
const PLACES: readonly WeightPlace[] = ["resident", "streamed", "mapped"];

function inputs(dtype: DType): TransformerInputs {
  using generator = Generator.seeded(4);
  const noise = (shape: readonly number[]): Tensor => randn(shape, { generator }).to({ dtype });
  return {
    hiddenStates: noise([1, inChannels, 3, 4, 4]),
    timestep: tensor([700]),
    encoderHiddenStates: noise([1, 20, textDim]),
  };
}

/** Writes a small transformer and gives its folder. */
function written(folder: string, dtype: "float32" | "bfloat16"): string {
  const path = join(folder, dtype);
  if (variant === undefined) throw new TypeError("no variant");
  writeFreshModel(path, { variant, sizes, dtype, seed: 1, only: ["transformer"], maxShardBytes: 700_000 });
  return join(path, "transformer");
}

/** Loads a transformer, runs something with it, and frees it. */
function withModel<T>(
  transformer: string,
  options: { dtype: DType; blocks?: WeightPlace },
  use: (model: WanTransformer) => T,
): T {
  const { model, params } = loadTransformer(transformer, options);
  try {
    return use(model);
  } finally {
    for (const param of params.values()) param[Symbol.dispose]();
    model[Symbol.dispose]();
  }
}

Deno.test("a model gives the same numbers wherever its blocks' weights are, from shards and in either type", () =>
  withFolder((folder) => {
    for (const stored of ["float32", "bfloat16"] as const) {
      const transformer = written(folder, stored);
      for (const dtype of ["float32", "bfloat16"] as const) {
        leakFree(() => {
          const given = inputs(dtype);
          const forward = (model: WanTransformer): Uint8Array =>
            noGrad(() => tidy(() => model.forward(given).toBytes()));
          const whole = withModel(transformer, { dtype }, forward);
          for (const blocks of PLACES) {
            withModel(transformer, { dtype, blocks }, (model) => {
              for (let pass = 0; pass < 2; pass++) {
                assert.deepEqual(forward(model), whole, `${stored} as ${dtype}, ${blocks}`);
              }
            });
          }
        });
      }
    }
  }));

/** The loss and every gradient of adapters on all layers, as bytes. */
function gradients(model: WanTransformer, plan: readonly BlockPlan[]): Uint8Array[] {
  return tidy(() => {
    const targets = ["to_q", "to_v", "to_out.0", "ffn.net.0.proj", "ffn.net.2"];
    using lora = freshLoras(model.linears, { targets, up: 0.01 });
    const named = lora.params;
    for (const param of named.values()) param.setRequiresGrad(true);
    using generator = Generator.seeded(5);
    const target = randn([1, outChannels, 3, 4, 4], { generator });
    const found = new Map<Tensor, Uint8Array>();
    const value = forwardBackward<TransformerInputs, Stem>(model, {
      inputs: inputs("bfloat16"),
      loss: (output) => mseLoss(output.float(), target),
      trainable: trainableParts(model, named),
      plan,
      sink: (param, gradient) => void found.set(param, gradient.toBytes()),
    });
    assert.equal(found.size, named.size);
    return [value.toBytes(), ...[...named.values()].map((param) => found.get(param) ?? new Uint8Array())];
  });
}

Deno.test("gradients are the same to the bit wherever weights and inputs are, and while places change", () =>
  withFolder((folder) => {
    const transformer = written(folder, "bfloat16");
    const all = (entry: BlockPlan): BlockPlan[] => Array.from({ length: numLayers }, () => entry);
    leakFree(() => {
      const wanted = withModel(transformer, { dtype: "bfloat16" }, (model) => gradients(model, all("keep")));
      for (const blocks of PLACES) {
        withModel(transformer, { dtype: "bfloat16", blocks }, (model) => {
          for (const entry of ["recompute", "offload"] as const) {
            assert.deepEqual(gradients(model, all(entry)), wanted, `${blocks}, ${entry}`);
          }
          for (const place of PLACES) {
            model.blockWeights?.move(1, place);
            const mixed = all("recompute");
            assert.deepEqual(gradients(model, mixed), wanted, `${blocks}, then the second ${place}`);
          }
        });
      }
    });
  }));

Deno.test("mapped weights take their memory only while their block has its turn", () =>
  withFolder((folder) => {
    const transformer = written(folder, "bfloat16");
    leakFree(() => {
      withModel(transformer, { dtype: "bfloat16", blocks: "mapped" }, (model) => {
        const before = liveHandles();
        const layer = model.linears[0];
        assert.ok(layer?.weight.isFreed);
        assert.deepEqual(layer.weight.shape, [layer.outFeatures, layer.inFeatures]);
        model.blockWeights?.use(0, {
          run: () => assert.ok(!layer.weight.isFreed && liveHandles() > before),
        });
        assert.ok(layer.weight.isFreed);
        assert.equal(liveHandles(), before);
        assert.throws(() =>
          model.blockWeights?.use(0, {
            run: () => {
              throw new Error("no");
            },
          }), /no/);
        assert.equal(liveHandles(), before);
      });
    });
  }));

Deno.test("a block kept while its weights are overwritten is refused, not computed wrongly", () =>
  withFolder((folder) => {
    const transformer = written(folder, "bfloat16");
    leakFree(() => {
      withModel(transformer, { dtype: "bfloat16", blocks: "streamed" }, (model) => {
        const plan = Array.from({ length: numLayers }, () => "keep" as const);
        assert.throws(() => gradients(model, plan), /modified by an inplace operation/);
      });
    });
  }));

Deno.test("weights that do not fit are refused before anything is computed", () =>
  withFolder((folder) => {
    const transformer = written(folder, "float32");
    const config = JSON.parse(Deno.readTextFileSync(join(transformer, "config.json")));
    const open = (change: Record<string, number>): void => {
      Deno.writeTextFileSync(join(transformer, "config.json"), JSON.stringify({ ...config, ...change }));
      leakFree(() => void loadTransformer(transformer, { dtype: "float32", blocks: "mapped" }));
    };
    assert.throws(() => open({ num_layers: 5 }), (error) =>
      error instanceof WeightsError && /27 tensors missing/.test(error.message));
    assert.throws(() =>
      open({ ffn_dim: 300 }), /of another shape/);
    assert.throws(() => open({ num_layers: 3 }), /unknown to the model/);
  }));
