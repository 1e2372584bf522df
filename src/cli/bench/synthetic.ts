/** A transformer of any size with weights out of thin air, ready to be trained. */
import { random, seedFor } from "../../base/mod.ts";
import { parseConfig, type SettledConfig } from "../../config/mod.ts";
import { buildModel } from "../../nn/mod.ts";
import { GradientStore } from "../../parallel/mod.ts";
import { type Device, noGrad, type Tensor, tidy } from "../../torch/mod.ts";
import {
  type ClipBatch,
  freshTrained,
  makeOptimizer,
  PlanInForce,
  settleSteps,
  type Trainee,
} from "../../train/mod.ts";
import { keepsFloat32, TEXT_LENGTH, transformerShapes, WanTransformer } from "../../wan/mod.ts";
import { fill } from "./fill.ts";
import { type StepShape, transformerOf } from "./shape.ts";

/** A trainee on a synthetic model, and its data. Owns both. */
export interface SyntheticTrainee extends Disposable {
  readonly trainee: Trainee;
  /** The clip of every step: latents and prompt embeddings; the caller owns it. */
  readonly batch: () => ClipBatch;
  /** What chance decides in a step. */
  readonly drawOf: (step: number) => StepDraw;
}

/** What chance decides in a step; with it another program can take the same one. */
export interface StepDraw {
  /** Seed of the noise as torch's CPU generator draws it, in decimal digits: it has 63 bits. */
  readonly noiseSeed: string;
  readonly sigma: number;
}

/** A parameter as other programs have to fill it: see `fill`. Blocks have equal weights. */
export interface FilledTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly index: number;
  readonly scale: number;
}

/** The parameters of a shape's transformer, in order, and of its LoRA behind them. */
export function filledTensors(shape: StepShape): FilledTensor[] {
  const shapes = [...transformerShapes(transformerOf(shape))];
  const model = shapes.map(([name, size]) => ({ name, size }));
  const layers = shapes.filter(([name]) => /^blocks\.\d+\.(attn|ffn).*\.weight$/.test(name) && !name.includes("norm"));
  const adapters = shape.method === "full" ? [] : layers.flatMap(([name, [outFeatures = 0, inFeatures = 0]]) => {
    const path = name.replace(/\.weight$/, "");
    return [
      { name: `${path}.lora_A.weight`, size: [shape.rank, inFeatures] },
      { name: `${path}.lora_B.weight`, size: [outFeatures, shape.rank] },
    ];
  });
  const kinds = new Map<string, number>();
  return [...model, ...adapters].map(({ name, size }) => {
    const kind = name.replace(/^blocks\.\d+\./, "");
    const index = kinds.get(kind) ?? kinds.size;
    kinds.set(kind, index);
    return { name, shape: size, index, scale: (size.at(-1) ?? 1) ** -0.5 };
  });
}

/** A run's config with the settings of a benchmark: AdamW at 1e-4 with decay 0.01, betas 0.9 and 0.99, clipping at 1. */
function configOf({ method, rank }: StepShape, steps: number): SettledConfig {
  const text = {
    model: { weights: "synthetic" },
    data: { sources: [{ path: "synthetic" }] },
    method: method === "lora" ? { kind: "lora", rank } : { kind: "full" },
    train: { steps, timesteps: { law: "uniform", shift: 1 } },
    optim: { learningRate: 1e-4, warmupSteps: 0, decayAll: true },
  };
  return settleSteps(parseConfig(JSON.stringify(text), { path: "bench.jsonc" }), { batchesPerEpoch: 1 });
}

/** Makes a model of a shape and everything that trains it. */
export function makeSynthetic(shape: StepShape, options: { device: Device; steps: number }): SyntheticTrainee {
  const { device, steps } = options;
  const filled = new Map(filledTensors(shape).map((tensor) => [tensor.name, tensor]));
  const make = (name: string, dtype: StepShape["dtype"]): Tensor => {
    const { shape: size, index, scale } = filled.get(name) as FilledTensor;
    return tidy(() => fill(size, { index, scale, dtype }).to({ device }));
  };
  const made = new Map<string, Tensor>(); // one block's, of which the others are copies
  using stack = new DisposableStack();
  const { model, params } = buildModel({
    name: "the benchmark",
    keys: () => [],
    shapeOf: (key) => filled.get(key)?.shape,
    load: (key) => {
      const kind = key.replace(/^blocks\.\d+\./, "blocks.");
      const equal = made.get(kind)?.clone();
      const param = equal ?? make(key, keepsFloat32(key) ? "float32" : shape.dtype);
      if (equal === undefined) made.set(kind, param);
      return param;
    },
  }, { build: (p) => new WanTransformer(p, transformerOf(shape)), what: "the benchmark's transformer" });
  for (const param of params.values()) stack.use(param);
  stack.use(model);
  const config = configOf(shape, steps);
  const trained = stack.use(freshTrained({ config, expert: "only", built: { model, params }, text: undefined }));
  for (const [name, param] of trained.params) {
    if (!params.has(name)) tidy(() => noGrad(() => param.copy_(make(name, "float32"))));
  }
  const tensors = [...trained.params.values()];
  const optimizer = stack.use(makeOptimizer(trained.params, { optim: config.optim, seed: 0, expert: "only" }));
  const gradients = stack.use(new GradientStore(tensors));
  const memory = PlanInForce.plain(model, {
    memory: config.memory,
    graphOf: () => shape.recompute ? "recompute" : "keep",
  });
  const [frames, rows, columns] = shape.grid;
  const { inChannels, textDim, patchSize: [pt, ph, pw] } = model.config;
  const latents = stack.use(
    fill([1, inChannels, frames * pt, rows * ph, columns * pw], { index: 1001, scale: 1 }),
  );
  const text = stack.use(fill([TEXT_LENGTH, textDim], { index: 1002, scale: 1 }));
  const owned = stack.move();
  return {
    trainee: {
      ...{ expert: "only", config, range: [0, 1], model, trained, optimizer, gradients, memory, device },
      takesTurns: false,
      dtype: shape.dtype,
    },
    batch: () => ({ latents: latents.alias(), text: [text.alias()] }),
    drawOf: (step) => {
      const { seed } = config.train;
      // Uniform without a shift: the draw is the level.
      const sigma = random(seedFor(seed, "timestep", step, 0)).next();
      return { noiseSeed: String(seedFor(seed, "noise", step)), sigma };
    },
    [Symbol.dispose]: () => owned.dispose(),
  };
}
