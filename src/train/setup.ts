/** From a config to everything the loop works on: clips encoded, model loaded, adapters and optimizer made. */
import { ConfigError, seedFor } from "../base/mod.ts";
import type { RunConfig } from "../config/mod.ts";
import { type Dataset, prepareDataset } from "../data/mod.ts";
import type { Emit } from "../events/mod.ts";
import { LoraSet } from "../nn/mod.ts";
import { AdamW } from "../optim/mod.ts";
import { GradientStore } from "../parallel/mod.ts";
import { cudaDeviceCount, type Device, type DType } from "../torch/mod.ts";
import { ModelFolder } from "../wan/mod.ts";
import { folderEncoders } from "./encoders.ts";
import { makePlan } from "./plan.ts";
import type { Trainee } from "./step.ts";

/** A run set up. Owns the model, the adapters, the optimizer's state. */
export interface Session extends Disposable {
  readonly config: RunConfig;
  readonly dataset: Dataset;
  readonly trainee: Trainee;
  readonly models: ModelFolder;
  /** Name of the variant, `wan2.2-ti2v-5b` */
  readonly variant: string;
}

/** The device that a config means. */
export function resolveDevice(device: string): Device {
  if (device !== "auto") return device as Device;
  return cudaDeviceCount() > 0 ? "cuda:0" : "cpu";
}

/** The number type that a config means: bfloat16 on a card, float32 on the host, whose bfloat16 is slow. */
export function resolveDtype(dtype: "auto" | "float32" | "bfloat16", device: Device): DType {
  if (dtype !== "auto") return dtype;
  return device === "cpu" ? "float32" : "bfloat16";
}

/**
 * Sets a run up. Encoders are loaded only if something is not in the cache, and are gone before the transformer comes.
 * @throws {WeightsError} {DataError} {ConfigError} as what was loaded, scanned or configured is wrong
 */
export async function setUp(
  config: RunConfig,
  options: { emit: Emit; signal?: AbortSignal | undefined },
): Promise<Session> {
  const { emit, signal } = options;
  const device = resolveDevice(config.model.device);
  const dtype = resolveDtype(config.model.dtype, device);
  const models = openModels(config);
  const dataset = await encodeClips(config, { models, device, emit, signal });
  signal?.throwIfAborted();

  emit({ type: "stage", stage: "loading", done: 0, total: 1, item: "transformer" });
  const owned = new DisposableStack();
  try {
    const { model, params } = models.loadTransformer({ dtype, device });
    for (const param of params.values()) owned.use(param);
    owned.use(model);
    const { method, optim, memory, train } = config;
    const lora = owned.use(LoraSet.fresh(model.linears, {
      rank: method.rank,
      alpha: method.alpha ?? method.rank,
      targets: method.targets,
      seedOf: (index) => seedFor(train.seed, "lora", index),
    }));
    const trained = lora.params();
    for (const param of trained) param.setRequiresGrad(true);
    const plan = makePlan(memory.blocks, {
      transformer: model.config,
      dtype,
      device,
      numTokens: train.batchSize * largestClip(dataset, models),
      freeBytes: Deno.systemMemoryInfo().available,
    });
    const kept = plan.filter((entry) => entry === "keep").length;
    emit({
      type: "stage",
      stage: "loading",
      done: 1,
      total: 1,
      item: `${kept} of ${plan.length} blocks keep their graph`,
    });
    const optimizer = owned.use(new AdamW(trained, optim));
    const gradients = owned.use(new GradientStore(trained));
    return {
      config,
      dataset,
      models,
      variant: models.variant.name,
      trainee: { config, model, lora, optimizer, gradients, plan, device, dtype },
      [Symbol.dispose]: () => owned.dispose(),
    };
  } catch (error) {
    owned.dispose();
    throw error;
  }
}

function openModels({ model }: RunConfig): ModelFolder {
  const models = ModelFolder.open(model.weights);
  if (model.variant !== "auto" && model.variant !== models.variant.name) {
    throw new ConfigError(
      `Cannot train ${model.variant} from ${model.weights}: the folder holds ${models.variant.name}.`,
      {
        cure: 'set model.variant to what the folder holds, or to "auto"',
      },
    );
  }
  checkOneExpert(models);
  return models;
}

/** Refuses a model of two experts before anything is encoded for it. @throws {ConfigError} */
function checkOneExpert({ path, variant }: ModelFolder): void {
  if (variant.experts === 1) return;
  throw new ConfigError(
    `Cannot train ${variant.title} in ${path}: it has two experts, which is not supported yet`,
    {
      cure: "take a model with one transformer, such as WAN 2.2 TI2V-5B",
    },
  );
}

async function encodeClips(
  config: RunConfig,
  options: { models: ModelFolder; device: Device; emit: Emit; signal: AbortSignal | undefined },
): Promise<Dataset> {
  const { models, device, emit, signal } = options;
  using encoders = folderEncoders(models, { device, emit });
  const { sample } = config;
  return await prepareDataset(config.data, {
    geometry: {
      spatialDivisor: models.spatialDivisor,
      temporalStride: models.temporalStride,
      fps: models.variant.inference.fps,
    },
    encodeVideo: encoders.encodeVideo,
    encodeText: encoders.encodeText,
    fingerprints: encoders.fingerprints,
    prompts: sample === undefined ? [] : [...sample.prompts, sample.negativePrompt],
    emit,
    signal,
  });
}

/** Tokens of the largest clip. */
function largestClip(dataset: Dataset, models: ModelFolder): number {
  const { spatialDivisor, temporalStride } = models;
  return Math.max(
    ...dataset.items.map(({ width, height, frames }) =>
      ((frames - 1) / temporalStride + 1) * (width / spatialDivisor) * (height / spatialDivisor)
    ),
  );
}
