/**
 * What a run will take, before any weight is loaded: the same set-up and the same measuring as a run's, on a model whose blocks are
 * blank. The shapes are the model's, one block at a time is in memory.
 */
import { namePattern } from "../../base/mod.ts";
import type { SettledConfig } from "../../config/mod.ts";
import {
  BlockWeights,
  buildModel,
  type Built,
  type ParamSource,
  type Quantization,
  QuantizedWeight,
} from "../../nn/mod.ts";
import { type Device, type DType, dtypeSize, Tensor, zeros } from "../../torch/mod.ts";
import {
  type Expert,
  isQuantizedParam,
  keepsFloat32,
  type ModelSource,
  transformerShapes,
  WanTransformer,
} from "../../wan/mod.ts";
import { makeOptimizer } from "../optimizer.ts";
import { freshTrained } from "../trained.ts";
import { PlanInForce, programMemory } from "./in_force.ts";
import type { BatchShape } from "./measure.ts";

/** What a run takes for one expert. */
export interface Forecast {
  readonly memory: PlanInForce;
  /** The most that a step takes: on the card, or resident on the host. */
  readonly peakBytes: number;
  /** An estimate, from the measured block. */
  readonly secondsPerStep: number;
  /** Numbers that training changes. */
  readonly numTrained: number;
  /** Of one checkpoint on disk. */
  readonly checkpointBytes: number;
}

/** How a forecast is made. */
export interface ForecastOptions {
  readonly models: ModelSource;
  readonly expert: Expert;
  readonly config: SettledConfig;
  readonly batch: BatchShape;
  readonly device: Device;
  readonly dtype: DType;
  /** Bytes of the host that are no tensors; those of this program if absent. */
  readonly programBytes?: number;
}

/**
 * Forecasts training. The text encoder, where it is trained along, and averages (`optim.ema`) are not counted.
 * @throws {ConfigError} as the run itself would
 */
export function forecastTraining(options: ForecastOptions): Forecast {
  const { config, models, expert, batch, device, dtype, programBytes = programMemory() } = options;
  using stack = new DisposableStack();
  const isFull = config.method.kind === "full";
  const { quantization } = config.model;
  const built = blankModel(models, {
    ...{ device, dtype, isFull },
    quantization: quantization === "none" ? undefined : quantization,
  });
  for (const param of built.params.values()) stack.use(param);
  stack.use(built.model);
  const trained = isFull ? trainedParameters(built, config) : trainedBeside(built, { config, expert, stack });
  const here = new Map([...trained].filter(([, tensor]) => !tensor.isFreed));
  const optimizer = stack.use(makeOptimizer(here, { optim: config.optim, seed: config.train.seed, expert }));
  const stateBytes = bytes([...optimizer.state().values()]) * numbers(trained) / Math.max(1, numbers(here));
  const blankBlocks = isFull ? built.model.blocks.length - 1 : 0;
  const blockBytes = bytes(
    [...built.params].filter(([name]) => name.startsWith("blocks.0.")).map(([, param]) => param),
  );
  const missingBytes = blankBlocks * blockBytes + stateBytes - bytes([...optimizer.state().values()]);
  const memory = PlanInForce.measured(
    { model: built.model, params: built.params, trained },
    { memory: config.memory, batch, device, dtype, programBytes, missingBytes },
  );
  const { forwardSeconds = 0, backwardSeconds = 0 } = memory.costs ?? {};
  const recomputed = memory.choice.plan.filter(({ graph }) => graph === "recompute").length;
  const blocks = memory.choice.plan.length;
  return {
    memory,
    peakBytes: memory.choice.peakBytes,
    secondsPerStep: config.train.gradientAccumulation *
      (blocks * (forwardSeconds + backwardSeconds) + recomputed * forwardSeconds),
    numTrained: numbers(trained),
    checkpointBytes: bytes([...trained.values()]) + stateBytes,
  };
}

/** A transformer of a model's shape: stem and head are zeros, and so is each block in its turn. */
function blankModel(
  models: ModelSource,
  options: { device: Device; dtype: DType; isFull: boolean; quantization: Quantization | undefined },
): Built<WanTransformer> {
  const { device, dtype, isFull, quantization } = options;
  const config = models.transformerConfig;
  const shapes = transformerShapes(config);
  const blank = (key: string): Tensor => zeros(shapes.get(key) ?? [], { dtype: typeOf(key), device });
  const typeOf = (key: string): DType => keepsFloat32(key) ? "float32" : dtype;
  const blocks = Array.from({ length: config.numLayers }, () => new Map<string, readonly Tensor[]>());
  const blockOf = (key: string): Map<string, readonly Tensor[]> | undefined => {
    const index = /^blocks\.(\d+)\./.exec(key)?.[1];
    return index === undefined ? undefined : blocks[Number(index)];
  };
  const source: ParamSource = {
    name: "nothing",
    keys: () => [],
    shapeOf: (key) => shapes.get(key),
    load: (key) => {
      const block = blockOf(key);
      if (block === undefined || (isFull && block === blocks[0])) return blank(key);
      const param = Tensor.away({ shape: shapes.get(key) ?? [], dtype: typeOf(key), device });
      block.set(key, [param]);
      return param;
    },
    loadQuantized: (key) => {
      const shape = shapes.get(key) ?? [], [out = 0, width = 0] = shape;
      if (quantization === undefined || !isQuantizedParam(key, { shape, quantization })) return undefined;
      const weight = QuantizedWeight.away({ quantization, shape: [out, width], dtype: typeOf(key), device });
      blockOf(key)?.set(key, Object.values(weight.tensors));
      return weight;
    },
  };
  const built = buildModel(source, { build: (p) => new WanTransformer(p, config), what: "the transformer" });
  if (!isFull) {
    const one = (key: string): Tensor[] =>
      (blockOf(key)?.get(key) ?? []).map((away) => zeros(away.shape, { dtype: away.dtype, device }));
    built.model.blockWeights = new BlockWeights({
      ...{ blocks, device },
      source: { load: one, mapped: one, prefetch: () => {}, release: () => {}, [Symbol.dispose]: () => {} },
    });
  }
  return built;
}

/** What full fine-tuning trains; the parameters that are away count, and are not touched. */
function trainedParameters({ params }: Built<WanTransformer>, config: SettledConfig): ReadonlyMap<string, Tensor> {
  const here = new Map([...params].filter(([, tensor]) => !tensor.isFreed));
  const { method } = config;
  const isChosen = method.kind === "full" && method.parameters !== "all" ? chosenBy(method.parameters) : () => true;
  for (const [name, tensor] of here) if (isChosen(name)) tensor.setRequiresGrad(true);
  return new Map([...params].filter(([name]) => isChosen(name)));
}

function chosenBy(patterns: readonly string[]): (name: string) => boolean {
  const fits = patterns.map(namePattern);
  return (name) => fits.some((fit) => fit(name));
}

function trainedBeside(
  built: Built<WanTransformer>,
  { config, expert, stack }: { config: SettledConfig; expert: Expert; stack: DisposableStack },
): ReadonlyMap<string, Tensor> {
  if (config.method.kind === "embedding") return new Map(); // a few vectors
  return stack.use(freshTrained({ config, expert, built, text: undefined })).params;
}

function bytes(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, { numel, dtype }) => sum + numel * dtypeSize(dtype), 0);
}

function numbers(named: ReadonlyMap<string, Tensor>): number {
  return [...named.values()].reduce((sum, { numel }) => sum + numel, 0);
}
