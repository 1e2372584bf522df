/** A transformer of any size with weights out of thin air, ready to be trained. */
import { random, seedFor } from "../../base/mod.ts";
import { parseConfig, type SettledConfig } from "../../config/mod.ts";
import { type BlockParams, type BlockSource, BlockWeights, buildModel } from "../../nn/mod.ts";
import { GradientStore } from "../../parallel/mod.ts";
import { type Device, noGrad, setDeterministic, Tensor, tidy, unscoped } from "../../torch/mod.ts";
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
    optim: { learningRate: 1e-4, warmupSteps: 0, decayAll: true, rounding: "nearest" }, // as other programs do
  };
  return settleSteps(parseConfig(JSON.stringify(text), { path: "bench.jsonc" }), { batchesPerEpoch: 1 });
}

/** Where a synthetic model trains, and how. */
export interface SyntheticOptions {
  readonly device: Device;
  /** The most that will be taken. */
  readonly steps: number;
  /** Where the blocks' weights wait for their turn; where they are computed with if absent. */
  readonly weights?: "resident" | "streamed" | undefined;
  /** As `train.deterministic`; true if absent. */
  readonly deterministic?: boolean | undefined;
}

/** Weights that come from host memory in their turn: the first block's made once, the others' copied from them. */
function streamed(
  blocks: readonly BlockParams[],
  { device, load }: { device: Device; load: (name: string) => Tensor },
): BlockWeights {
  const source: BlockSource = {
    load: (name, place) => [tidy(() => load(name).to({ device: place }))],
    mapped: (name) => [tidy(() => load(name).to({ device: "cpu" }))],
    prefetch: () => {},
    release: () => {},
    [Symbol.dispose]: () => {},
  };
  const weights = new BlockWeights({ blocks, device, source });
  blocks.forEach((_, i) => weights.move(i, "streamed"));
  return weights;
}

/** Makes a model of a shape and everything that trains it. */
export function makeSynthetic(shape: StepShape, options: SyntheticOptions): SyntheticTrainee {
  const { device, steps, weights = "resident" } = options;
  if (device !== "cpu") setDeterministic(options.deterministic ?? true);
  const filled = new Map(filledTensors(shape).map((tensor) => [tensor.name, tensor]));
  const make = (name: string, dtype: StepShape["dtype"]): Tensor => {
    const { shape: size, index, scale } = filled.get(name) as FilledTensor;
    return tidy(() => fill(size, { index, scale, dtype }).to({ device }));
  };
  const dtypeOf = (name: string): StepShape["dtype"] => keepsFloat32(name) ? "float32" : shape.dtype;
  using stack = new DisposableStack();
  using originals = new DisposableStack();
  const made = new Map<string, Tensor>(); // blocks are alike: one's parameters, and what is before and behind them
  const load = (name: string): Tensor => {
    const kind = name.replace(/^blocks\.\d+\./, "blocks.");
    const original = made.get(kind) ?? unscoped(() => originals.use(make(name, dtypeOf(name))));
    made.set(kind, original);
    return original.clone();
  };
  const away = Array.from({ length: shape.layers }, () => new Map<string, readonly Tensor[]>());
  const param = (name: string): Tensor => {
    const [, block] = /^blocks\.(\d+)\./.exec(name) ?? [];
    if (weights === "resident" || block === undefined) return load(name);
    const empty = Tensor.away({ shape: filled.get(name)?.shape ?? [], dtype: dtypeOf(name), device });
    away[Number(block)]?.set(name, [empty]);
    return empty;
  };
  const { model, params } = buildModel({
    name: "the benchmark",
    keys: () => [],
    shapeOf: (key) => filled.get(key)?.shape,
    load: param,
  }, { build: (p) => new WanTransformer(p, transformerOf(shape)), what: "the benchmark's transformer" });
  for (const param of params.values()) stack.use(param);
  stack.use(model);
  if (weights === "streamed") model.blockWeights = streamed(away, { device, load });
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
