import assert from "node:assert/strict";
import { join } from "node:path";
import { mergeAdapters } from "../../src/nn/mod.ts";
import { Generator, noGrad, randn, type Tensor } from "../../src/torch/mod.ts";
import {
  applyAdapters,
  mergedWeights,
  type ModelSource,
  openModel,
  openTransformers,
  WanTransformer,
  weightsWithDifferences,
} from "../../src/wan/mod.ts";
import { buildTransformer } from "../../src/wan/transformer/mod.ts";
import {
  type AdapterTensors,
  openWeights,
  readAdapters,
  SafetensorsFile,
  saveAdapters,
  type Weights,
} from "../../src/weights/mod.ts";
import { ownGoldenDir } from "../support/paths.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const CASES = join(ownGoldenDir(), "cases"), CHECKPOINTS = join(ownGoldenDir(), "checkpoints");

function numbers(shape: readonly number[], seed: number): Tensor {
  using generator = Generator.seeded(seed);
  return randn(shape, { generator });
}

interface Inputs {
  readonly hiddenStates: Tensor;
  readonly timestep: Tensor;
  readonly encoderHiddenStates: Tensor;
}

function inputsOf(id: string): Inputs {
  using file = SafetensorsFile.open(join(CASES, id, "inputs.safetensors"));
  return {
    hiddenStates: file.read("hidden_states"),
    timestep: file.read("timestep"),
    encoderHiddenStates: file.read("encoder_hidden_states"),
  };
}

function relative(a: Tensor, b: Tensor): number {
  return a.sub(b).norm().item() / b.norm().item();
}

/** The output of a transformer with these weights. */
function outputOf(weights: Weights, model: ModelSource, inputs: Inputs): Tensor {
  const { model: transformer } = buildTransformer({ weights, config: model.transformerConfig, name: "merged" }, {
    dtype: "float32",
  });
  using _transformer = transformer;
  return noGrad(() => transformer.forward(inputs));
}

Deno.test("a LoRA saved in each naming gives the golden output, beside the weights and merged into them", () =>
  withFolder((folder) => {
    const lora = join(CASES, "lora_ti2v");
    leakFree(() => {
      const model = openModel(join(CHECKPOINTS, "ti2v_5b"));
      using outputs = SafetensorsFile.open(join(lora, "outputs.safetensors"));
      const golden = outputs.read("output"), inputs = inputsOf("transformer_ti2v_tokens");
      const { model: transformer } = model.loadTransformer();
      using _transformer: WanTransformer = transformer;
      using start = readAdapters(join(lora, "diffusers/pytorch_lora_weights.safetensors"));
      using weights = model.openWeights("transformer");
      for (const naming of ["diffusers", "comfy", "musubi"] as const) {
        const path = join(folder, `${naming}.safetensors`);
        saveAdapters(path, { transformer: start.modules }, { naming });
        using set = applyAdapters(transformer.everyLinear, { path, component: "transformer" });
        const beside = relative(noGrad(() => transformer.forward(inputs)), golden);
        assert.ok(beside < 1e-5, `${naming}: ${beside}`);
        using read = readAdapters(path);
        const merged = relative(
          outputOf(mergedWeights(weights, [{ modules: read.modules, name: naming }]), model, inputs),
          golden,
        );
        assert.ok(merged < 1e-5, `${naming} merged: ${merged}`);
        assert.equal(set.adapters.size, start.modules.size);
      }
    });
  }));

Deno.test("merged weights are the golden ones, and twice half strength is the same", () => {
  leakFree(() => {
    const lora = join(CASES, "lora_ti2v");
    using start = readAdapters(join(lora, "musubi.safetensors"));
    using weights = openWeights(join(CHECKPOINTS, "ti2v_5b/transformer")),
      golden = openWeights(join(lora, "merged.safetensors"));
    const half = { modules: start.modules, name: "half", strength: 0.5 };
    const once = mergedWeights(weights, [{ modules: start.modules, name: "once" }]),
      twice = mergedWeights(weights, [half, half]);
    assert.ok(golden.keys().length > 10);
    for (const key of golden.keys()) {
      assert.ok(relative(once.load(key), golden.load(key)) < 1e-6, key);
      assert.ok(relative(twice.load(key), golden.load(key)) < 1e-6, key);
      assert.ok(once.mapped(key).equal(once.load(key)));
    }
    assert.ok(once.load("proj_out.weight").equal(weights.load("proj_out.weight")));
    assert.equal(once.load(golden.keys()[0] ?? "", { dtype: "bfloat16" }).dtype, "bfloat16");
    assert.match(twice.describe(), /with half and half$/);
  });
});

Deno.test("distilled adapters touch embeddings, norms, tables and biases, and are taken off exactly", () =>
  withFolder((folder) => {
    const path = join(folder, "distilled.safetensors");
    leakFree(() => {
      const model = openModel(join(CHECKPOINTS, "ti2v_5b"));
      const { model: transformer, params } = model.loadTransformer();
      using _transformer = transformer;
      const small = (name: string): Tensor => numbers(params.get(name)?.shape ?? [], name.length).mul(0.01);
      const difference = (path: string, bias: boolean): AdapterTensors => ({
        kind: "diff",
        tensors: { weight: small(`${path}.weight`), ...(bias ? { bias: small(`${path}.bias`) } : {}) },
      });
      const modules = new Map<string, AdapterTensors>([
        ["condition_embedder.time_proj", difference("condition_embedder.time_proj", true)],
        ["condition_embedder.text_embedder.linear_1", difference("condition_embedder.text_embedder.linear_1", false)],
        ["proj_out", difference("proj_out", true)],
        ["patch_embedding", difference("patch_embedding", true)],
        ["blocks.0.norm2", difference("blocks.0.norm2", true)],
        ["blocks.1.attn1.norm_q", difference("blocks.1.attn1.norm_q", false)],
        ["blocks.2.attn2.to_k", { kind: "diff", tensors: { bias: small("blocks.2.attn2.to_k.bias") } }],
        ["scale_shift_table", { kind: "diff", tensors: { weight: small("scale_shift_table") } }],
      ]);
      saveAdapters(path, { transformer: modules }, { naming: "comfy" });
      const inputs = inputsOf("transformer_ti2v_tokens");
      const run = (): Tensor => noGrad(() => transformer.forward(inputs));
      const plain = run();
      assert.throws(() => applyAdapters(transformer.everyLinear, { path, component: "transformer" }), /norm2\.weight/);
      using weights = model.openWeights("transformer");
      {
        using _set = applyAdapters(transformer.everyLinear, { path, component: "transformer", strength: 0.7, params });
        const merged = outputOf(mergedWeights(weights, [{ modules, name: "d", strength: 0.7 }]), model, inputs);
        const output = run();
        assert.ok(relative(output, plain) > 1e-4);
        assert.ok(relative(output, merged) < 1e-5, String(relative(output, merged)));
      }
      assert.ok(run().equal(plain));
      assert.throws(
        () =>
          mergedWeights(weights, [{
            modules: new Map([["blocks.9.norm2", difference("blocks.0.norm2", true)]]),
            name: "d",
          }]),
        /Cannot merge d into .*blocks\.9\.norm2\.weight/,
      );
    });
  }));

Deno.test("files that change kernels, norms and tables work beside others wherever the blocks' weights are", () =>
  withFolder((folder) => {
    leakFree(() => {
      const model = openModel(join(CHECKPOINTS, "ti2v_5b"));
      using weights = model.openWeights("transformer");
      const small = (name: string): Tensor => numbers(weights.shapeOf(name), name.length).mul(0.01);
      const lora = (out: number, width: readonly number[]): AdapterTensors => ({
        kind: "lora",
        tensors: {
          down: numbers([2, ...width], 1).mul(0.1),
          up: numbers([out, 2], 2).mul(0.1),
          bias: numbers([out], 3),
        },
        alpha: 1,
      });
      const files = [
        new Map<string, AdapterTensors>([
          ["blocks.0.norm2", { kind: "diff", tensors: { weight: small("blocks.0.norm2.weight") } }],
          ["blocks.1.attn2.norm_k", { kind: "diff", tensors: { weight: small("blocks.1.attn2.norm_k.weight") } }],
          ["blocks.1.attn2.to_k", lora(48, [48])],
          ["scale_shift_table", { kind: "diff", tensors: { weight: small("scale_shift_table") } }],
        ]),
        new Map<string, AdapterTensors>([
          ["blocks.0.norm2", { kind: "diff", tensors: { bias: small("blocks.0.norm2.bias") } }],
          ["patch_embedding", lora(48, [48, 1, 2, 2])],
          ["condition_embedder.time_proj", lora(288, [48])],
        ]),
      ].map((modules, i) => {
        const path = join(folder, `${i}.safetensors`);
        saveAdapters(path, { transformer: modules }, { naming: "comfy" });
        return { path, component: "transformer" as const, strength: i === 0 ? 0.7 : -1.5, modules };
      });
      const inputs = inputsOf("transformer_ti2v_tokens");
      const merged = mergedWeights(weights, files.map((file) => ({ ...file, name: file.path })));
      const wanted = outputOf(merged, model, inputs);
      assert.ok(relative(wanted, outputOf(weights, model, inputs)) > 1e-3);
      for (const blocks of [undefined, "resident", "streamed", "mapped"] as const) {
        using opened = openTransformers(model, {
          blocks,
          view: (stored) => weightsWithDifferences(stored, files),
          adapt: ({ everyLinear }) => {
            using stack = new DisposableStack();
            for (const file of files) stack.use(applyAdapters(everyLinear, { ...file, layersAlone: true }));
            return stack.move();
          },
        });
        const output = noGrad(() => opened.forward(inputs));
        assert.ok(relative(output, wanted) < 1e-5, `${blocks}: ${relative(output, wanted)}`);
      }
      const view = (): unknown =>
        weightsWithDifferences(model.openWeights("transformer"), [{
          ...files[0],
          path: join(folder, "x.safetensors"),
          component: "transformer",
        }]);
      const unknown = new Map<string, AdapterTensors>([["blocks.7.norm2", {
        kind: "diff",
        tensors: { weight: small("blocks.0.norm2.weight") },
      }]]);
      saveAdapters(join(folder, "x.safetensors"), { transformer: unknown }, { naming: "comfy" });
      assert.throws(view, /blocks\.7\.norm2\.weight does not belong to the model/);
    });
  }));

Deno.test("a LoRA of the text encoder changes what it says, as its merged weights do", () =>
  withFolder((folder) => {
    const path = join(folder, "text.safetensors");
    leakFree(() => {
      const model = openModel(join(CHECKPOINTS, "ti2v_5b"));
      using encoder = model.loadTextEncoder({ dtype: "float32" });
      const modules = new Map(
        encoder.linears.map(({ path, inFeatures, outFeatures }, i): [string, AdapterTensors] => [path, {
          kind: "lora",
          tensors: { down: numbers([2, inFeatures], i).mul(0.1), up: numbers([outFeatures, 2], 100 + i).mul(0.1) },
          alpha: 2,
        }]),
      );
      assert.equal(modules.size, 21);
      const plain = encoder.encode([[5, 6, 7, 1]]);
      for (const naming of ["diffusers", "comfy", "musubi"] as const) {
        saveAdapters(path, { text_encoder: modules }, { naming });
        using set = applyAdapters(encoder.linears, { path, component: "text_encoder" });
        const adapted = encoder.encode([[5, 6, 7, 1]]);
        assert.ok(relative(adapted, plain) > 1e-3);
        const layer = encoder.linears[3] ?? assert.fail();
        using weights = model.openWeights("text_encoder");
        using merged = mergedWeights(weights, [{ modules, name: "t" }]);
        const key = `${layer.path}.weight`;
        assert.ok(relative(merged.load(key), mergeAdapters(layer.weight, set.adapters.get(layer.path) ?? [])) < 1e-6);
      }
    });
  }));
