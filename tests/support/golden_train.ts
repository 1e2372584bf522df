/** Golden cases of the transformer, LoRA and training. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import { type AdapterData, AdapterSet, type Built, mergeAdapters } from "../../src/nn/mod.ts";
import { GradientStore } from "../../src/parallel/mod.ts";
import { cat, type DType, grad, mseLoss, noGrad, type Tensor, tensor, tidy } from "../../src/torch/mod.ts";
import type { ClipBatch, Problem } from "../../src/train/batch.ts";
import { PlanInForce } from "../../src/train/memory/in_force.ts";
import { makeOptimizer } from "../../src/train/optimizer.ts";
import { trainStep } from "../../src/train/step.ts";
import type { Trainee } from "../../src/train/trainee.ts";
import { loadTransformer, type TransformerInputs, WanTransformer } from "../../src/wan/transformer/mod.ts";
import { readAdapters } from "../../src/weights/mod.ts";
import { runConfig } from "./train_config.ts";
import { compareCase, type GoldenCase, openCase } from "./golden.ts";

function withModel(golden: GoldenCase, dtype: DType, use: (built: Built<WanTransformer>) => void): void {
  const folder = join(golden.checkpoint, z.string().parse(golden.json.component));
  tidy(() => {
    const built = loadTransformer(folder, { dtype, device: "cpu" });
    using _model = built.model;
    use(built);
  });
}

function inputsOf(golden: GoldenCase): TransformerInputs & { target: Tensor } {
  return {
    hiddenStates: golden.tensor("inputs", "hidden_states"),
    timestep: golden.tensor("inputs", "timestep"),
    encoderHiddenStates: golden.tensor("inputs", "encoder_hidden_states"),
    target: golden.tensor("inputs", "target"),
  };
}

/** Output, loss and the named gradients of one forward, parameters by name. */
function differentiate(
  model: WanTransformer,
  options: { inputs: TransformerInputs & { target: Tensor }; params: ReadonlyMap<string, Tensor> },
): { outputs: Record<string, Tensor>; grads: Record<string, Tensor> } {
  const { inputs, params } = options;
  const named = new Map([...params].map(([name, param]) => [`grad/${name}`, param]));
  named.set("grad_input/hidden_states", inputs.hiddenStates);
  named.set("grad_input/encoder_hidden_states", inputs.encoderHiddenStates);
  for (const leaf of named.values()) leaf.setRequiresGrad(true);
  const output = model.forward(inputs);
  const loss = mseLoss(output, inputs.target);
  const gradients = grad([loss], [...named.values()]);
  const grads: Record<string, Tensor> = {};
  [...named.keys()].forEach((name, i) => {
    const gradient = gradients[i];
    if (gradient !== undefined) grads[name] = gradient;
  });
  return { outputs: { output, loss }, grads };
}

/** Kind `transformer_forward_backward`. */
export function runTransformerCase(dir: string): void {
  const golden = openCase(dir);
  tidy(() => {
    const inputs = inputsOf(golden);
    withModel(golden, "float32", ({ model, params }) => {
      const computed: Record<string, Record<string, Tensor>> = differentiate(model, { inputs, params });
      if (golden.json.files.outputs_bf16 !== undefined) {
        withModel(golden, "bfloat16", ({ model: low }) => {
          const rounded = {
            hiddenStates: inputs.hiddenStates.detach().to({ dtype: "bfloat16" }),
            timestep: inputs.timestep,
            encoderHiddenStates: inputs.encoderHiddenStates.detach().to({ dtype: "bfloat16" }),
          };
          computed.outputs_bf16 = { output: noGrad(() => low.forward(rounded)) };
          compareCase(dir, computed);
        });
      } else compareCase(dir, computed);
    });
  });
}

const LORA_FORMS = [
  "lora_diffusers",
  "lora_comfy_ab_alpha",
  "lora_comfy_downup_alpha",
  "lora_comfy_ab_folded",
  "lora_musubi",
  "lora_diffusers_folded",
];

/** Kind `lora`: every form of the file gives the reference's output; one of them gives its gradients and merged weights. */
export function runLoraCase(dir: string): void {
  const golden = openCase(dir);
  tidy(() => {
    withModel(golden, "float32", ({ model, params }) => {
      const apply = (form: string, strength = 1): AdapterSet => {
        const path = golden.json.files[form]?.path;
        assert(path !== undefined, `${golden.json.id} has no file ${form}`);
        using file = readAdapters(join(dir, path));
        return AdapterSet.apply(model.linears, { modules: file.modules, name: path, strength });
      };
      const forward = (): Tensor => noGrad(() => model.forward(inputsOf(golden)));
      const expected = golden.tensor("outputs", "output");
      for (const form of LORA_FORMS) {
        using _lora = apply(form);
        const distance = forward().sub(expected).norm().item() / expected.norm().item();
        assert(distance < 1e-5, `${golden.json.id} ${form}: output is off by ${distance}`);
      }
      const plain = forward();
      const half = ((): Tensor => {
        using _lora = apply("lora_diffusers", 0.5);
        return forward();
      })();
      using lora = apply("lora_diffusers");
      const { outputs, grads } = differentiate(model, { inputs: inputsOf(golden), params: lora.params });
      const merged: Record<string, Tensor> = {};
      for (const [path, adapters] of lora.adapters) {
        const weight = params.get(`${path}.weight`);
        assert(weight !== undefined);
        merged[`${path}.weight`] = mergeAdapters(weight, adapters);
      }
      compareCase(dir, {
        outputs: { ...outputs, output_without_lora: plain },
        outputs_half: { output: half, output_half: half },
        grads,
        merged,
      });
    });
  });
}

const TrainingSchema = z.object({
  steps: z.number(),
  lr: z.number(),
  weight_decay: z.number(),
  betas: z.tuple([z.number(), z.number()]),
  eps: z.number(),
  max_grad_norm: z.number(),
  lora: z.object({ r: z.number(), alpha: z.number(), target_modules: z.array(z.string()) }).nullable(),
  timesteps: z.string(),
});

/** Kind `training`: twenty steps by the trainer's own step, every other block recomputed. */
export function runTrainingCase(dir: string): void {
  const golden = openCase(dir);
  const training = TrainingSchema.parse(golden.json.training);
  tidy(() => {
    withModel(golden, "float32", ({ model, params }) => {
      using lora = training.lora === null ? undefined : startingLora(golden, { model, lora: training.lora });
      const trained = lora?.params ?? params;
      for (const param of trained.values()) param.setRequiresGrad(true);
      using trainee = goldenTrainee({ model, trained, training });
      const given = ["x0", "noise", "sigma", "text"].map((name) => golden.tensor("inputs", name)) as Tensor[];
      const condition = golden.has("inputs", "condition") ? golden.tensor("inputs", "condition") : undefined;
      const computed: Record<string, Record<string, Tensor>> = {};
      const snapshot = (): Record<string, Tensor> =>
        Object.fromEntries([...trained].map(([name, param]) => [name, param.detach().clone()]));
      const found = Array.from({ length: training.steps }, (_, step) => {
        const [x0, noise, sigma, text] = given.map((x) => x.select(0, step)) as [Tensor, Tensor, Tensor, Tensor];
        const batch = { latents: x0, text: Array.from({ length: x0.size(0) }, (_, b) => text.select(0, b)) };
        const result = trainStep(trainee, {
          step,
          batchAt: () => ({ ...batch, condition: condition?.select(0, step) }),
          problemOf: (clips) => goldenProblem(clips, { noise, sigma, text, model }),
        });
        if (step === 0) computed.first = snapshot();
        return result;
      });
      computed.final = snapshot();
      computed.curve = {
        loss: tensor(found.map(({ loss }) => loss)),
        grad_norm: tensor(found.map(({ gradNorm }) => gradNorm)),
      };
      compareCase(dir, computed);
    });
  });
}

/** What a run would train these tensors with. */
function goldenTrainee(
  options: {
    model: WanTransformer;
    trained: ReadonlyMap<string, Tensor>;
    training: z.infer<typeof TrainingSchema>;
  },
): Trainee & Disposable {
  const { model, trained, training } = options;
  const { betas, eps, lr, weight_decay: weightDecay, max_grad_norm: maxGradNorm, steps } = training;
  const optim = { learningRate: lr, betas, eps, weightDecay, decayAll: true, schedule: "constant", warmupSteps: 0 };
  const config = runConfig({ train: { steps, maxGradNorm }, optim });
  const optimizer = makeOptimizer(trained, { optim: config.optim, seed: 0, expert: "only" });
  const gradients = new GradientStore([...trained.values()]);
  return {
    ...{ expert: "only", config, range: [0, 1], model, optimizer, gradients, device: "cpu", dtype: "float32" },
    ema: undefined,
    trained: { params: trained, [Symbol.dispose]: () => {} },
    memory: PlanInForce.plain(model, { memory: config.memory, graphOf: (i) => i % 2 === 0 ? "recompute" : "keep" }),
    takesTurns: false,
    [Symbol.dispose]: () => {
      optimizer[Symbol.dispose]();
      gradients[Symbol.dispose]();
    },
  };
}

/** A problem of given noise and levels; with 48 channels every token has a timestep of its own. */
function goldenProblem(
  { latents, condition }: ClipBatch,
  { noise, sigma, text, model }: { noise: Tensor; sigma: Tensor; text: Tensor; model: WanTransformer },
): Problem {
  const batch = latents.size(0);
  const level = sigma.reshape([batch, 1, 1, 1, 1]);
  const noisy = latents.mul(level.rsub(1)).add(noise.mul(level));
  const timestep = sigma.mul(1000);
  const tokens = latents.size(2) * latents.size(3) * latents.size(4) / 4;
  return {
    inputs: {
      hiddenStates: condition === undefined ? noisy : cat([noisy, condition], 1),
      timestep: model.config.inChannels === 48 ? timestep.unsqueeze(1).expand([batch, tokens]) : timestep,
      encoderHiddenStates: text,
    },
    target: noise.sub(latents),
    sigmas: sigma.toNumbers(),
    clipWeights: sigma.toNumbers().map(() => 1),
    shift: 1,
    frameSigmas: level,
    weights: undefined,
  };
}

function startingLora(
  golden: GoldenCase,
  options: { model: WanTransformer; lora: { r: number; alpha: number; target_modules: string[] } },
): AdapterSet {
  const { model, lora } = options;
  const ends = (path: string): boolean => lora.target_modules.some((target) => path.endsWith(`.${target}`));
  const modules = new Map(
    model.linears.filter(({ path }) => ends(path)).map(({ path }): [string, AdapterData] => {
      const down = golden.tensor("lora_init", `${path}.lora_A.weight`);
      const up = golden.tensor("lora_init", `${path}.lora_B.weight`);
      return [path, { kind: "lora", tensors: { down, up }, alpha: lora.alpha }];
    }),
  );
  return AdapterSet.apply(model.linears, { modules, name: "lora_init" });
}
