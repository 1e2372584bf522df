/** From a config to everything the loop works on: clips encoded, model loaded, adapters and optimizers made. */
import { ConfigError } from "../base/mod.ts";
import type { RunConfig, SettledConfig } from "../config/mod.ts";
import { type Batch, type BatchOptions, type DataGeometry, type Dataset, prepareDataset } from "../data/mod.ts";
import type { Emit, EventBody, EventOf } from "../events/mod.ts";
import {
  cudaDeviceCount,
  type Device,
  type DType,
  emptyCache,
  setDeterministic,
  type Tensor,
  zeros,
} from "../torch/mod.ts";
import { describeSource, type ModelSource, openModel } from "../wan/mod.ts";
import type { ClipBatch } from "./batch.ts";
import { installedCards } from "./cards.ts";
import { checkNames, checkRun } from "./check.ts";
import { folderEncoders } from "./encoders.ts";
import { warnOfStart } from "./methods/adapter_start.ts";
import { warnOfStills } from "./given_frames.ts";
import { heldOutOf, splitDataset, withHeldOutSources } from "./held_out.ts";
import { settleSteps, warnOfWarmUp } from "./length.ts";
import { configOf, fitsBoth, trainedExperts } from "./experts.ts";
import { warnOfFormats } from "./outputs.ts";
import { planExperts } from "./memory/session_plan.ts";
import { openTextSide, type TextSide, trainsText } from "./text_side.ts";
import { makeTrainee, type Trainee } from "./trainee.ts";

/** A run set up. Owns the models, what is trained on them, and the optimizers' state. */
export interface Session extends Disposable {
  /** The run's, with its length in steps. */
  readonly config: SettledConfig;
  /** What is trained on. */
  readonly dataset: Dataset;
  /** What is only measured on; undefined where nothing is held out. */
  readonly heldOut: Dataset | undefined;
  /** The experts that are trained, in the order of their turns: the only one, or high noise before low. */
  readonly trainees: readonly Trainee[];
  /** The text encoder, where something is trained on it. */
  readonly text: TextSide | undefined;
  readonly device: Device;
  readonly dtype: DType;
  readonly models: ModelSource;
  /** Name of the variant, `wan2.2-ti2v-5b` */
  readonly variant: string;
}

/** The device that a config means. @throws {ConfigError} for a card that libtorch does not see */
export function resolveDevice(device: string): Device {
  const numCards = cudaDeviceCount();
  if (device === "auto") return numCards > 0 ? "cuda:0" : "cpu";
  const [kind, index = 0] = device.split(":");
  if (kind !== "cuda" || Number(index) < numCards) return device as Device;
  const seen = numCards === 0 ? "no card" : numCards === 1 ? "one card, cuda:0" : `${numCards} cards, from cuda:0 on`;
  throw new ConfigError(`Cannot use the device ${device}: libtorch sees ${seen}.`, {
    cure: numCards > 0
      ? "take one of these"
      : "take cpu or auto; if this machine has a card, fetch a libtorch for it: `wantune setup --device cuda`, or rocm",
  });
}

/** Says that a card stands idle, as the libtorch at hand is one for the processor alone. */
function warnOfIdleCard(emit: Emit): void {
  const [card] = installedCards();
  if (card === undefined) return;
  emit({
    type: "warning",
    message: `training runs on the processor, although the machine has a card (${card}): libtorch does not see it`,
    cure: "fetch a libtorch for it with `wantune setup --device cuda`, or set model.device to cpu",
  });
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
  given: RunConfig,
  options: { emit: Emit; signal?: AbortSignal | undefined; onReport?: (json: Uint8Array) => void },
): Promise<Session> {
  const { emit, signal, onReport } = options;
  const device = resolveDevice(given.model.device);
  const dtype = resolveDtype(given.model.dtype, device);
  if (device !== "cpu") setDeterministic(given.train.deterministic);
  const models = openModels(given);
  checkRun(given, models);
  checkNames(given, { models, device, dtype });
  emit(modelEvent(models));
  for (const message of models.doubts) emit({ type: "warning", message });
  if (given.model.device === "auto" && device === "cpu") warnOfIdleCard(emit);
  using stack = new DisposableStack();
  const prepared = stack.use(await encodeClips(given, { models, device, emit, signal, onReport }));
  const { training: dataset, heldOut } = splitDataset(prepared, given);
  warnOfStills(given.train, { items: dataset.items, emit });
  const config = settleSteps(given, { batchesPerEpoch: dataset.batchesPerEpoch(given.train) });
  signal?.throwIfAborted();

  emptyCache("cpu"); // what encoding needed is not needed again
  emit({ type: "stage", stage: "loading", done: 0, total: 1, item: "transformer" });
  const text = openTextSide(config, { models, device });
  if (text !== undefined) stack.use(text);
  text?.word?.checkCaptions(dataset.items);
  const experts = trainedExperts(config, models);
  const takesTurns = experts.length > 1 && config.method.kind !== "full" && !fitsBoth(models, { device, dtype });
  const plans = planExperts({ experts, takesTurns, config, dataset, models, text, device, dtype, emit });
  const trainees = experts.map((expert) =>
    stack.use(
      makeTrainee({
        ...{ models, expert, config: configOf(config, expert), text, device, dtype, takesTurns },
        plan: (planned) => plans.plan(expert, planned),
        onShrink: (memory, error) => plans.tellShrunk(expert, { memory, error }),
      }),
    )
  );
  for (const own of new Set(trainees.map((trainee) => trainee.config))) warnOfWarmUp(own, emit);
  warnOfStart(trainees, emit);
  warnOfFormats(config, emit);
  const owned = stack.move();
  return {
    ...{ config, dataset, heldOut, trainees, text, device, dtype, models, variant: models.variant.name },
    [Symbol.dispose]: () => owned.dispose(),
  };
}

/** The clips of a micro-step; their captions from the cache, or through the text encoder where that is trained. */
export function readBatch(
  { dataset, text }: Pick<Session, "dataset" | "text">,
  { microStep, ...options }: BatchOptions & { microStep: number },
): ClipBatch & Pick<Batch, "items"> {
  const batch = dataset.batch(microStep, options);
  const clipWeights = batch.items.map(({ weight }) => weight);
  if (text === undefined) return { ...batch, clipWeights };
  return { ...batch, clipWeights, text: batch.captions.map((caption) => text.encode(caption)) };
}

/** Opens the model that a config names. @throws {WeightsError} {ConfigError} if it is none, or not the one meant */
export function openModels({ model }: RunConfig): ModelSource {
  return openModel(model.weights, { variant: model.variant });
}

/** What the model's files are, and what is put on it. @throws {WeightsError} if they do not hold what they must */
export function modelEvent(models: ModelSource, also: EventOf<"model">["parts"] = []): EventBody {
  const { path, variant: { name, title } } = models;
  return { type: "model", name: path, variant: name, title, parts: [...describeSource(models), ...also] };
}

/** Encodes what a config trains on, as far as it is not in the cache. */
export async function encodeClips(
  config: RunConfig,
  options: {
    models: ModelSource;
    device: Device;
    emit: Emit;
    signal: AbortSignal | undefined;
    onReport?: ((json: Uint8Array) => void) | undefined;
  },
): Promise<Dataset> {
  const { models, device, emit, signal, onReport } = options;
  using encoders = folderEncoders(models, { device, emit });
  const { sample } = config;
  return await prepareDataset(withHeldOutSources(config), {
    geometry: dataGeometry(models),
    encodeVideo: encoders.encodeVideo,
    encodeCondition: encoders.encodeCondition,
    ...(trainsText(config) ? WITHOUT_TEXT : { encodeText: encoders.encodeText }),
    fingerprints: { ...encoders.fingerprints, ...(trainsText(config) ? { text: "encoded in each step" } : {}) },
    countTokens: encoders.countTokens,
    batchSize: config.train.batchSize,
    prompts: sample === undefined ? [] : [...sample.prompts, sample.negativePrompt],
    emit,
    signal,
    onReport,
    onPlan: (used) => {
      if (used.length > 0) heldOutOf(used, config);
    },
  });
}

/** What a model asks of pictures. */
export function dataGeometry(models: ModelSource): DataGeometry {
  const { spatialDivisor, temporalStride, spatialStride, variant } = models;
  return { spatialDivisor, temporalStride, spatialStride, fps: variant.inference.fps };
}

/** Stands in for the text encoder where it is trained along: what it gives is not looked at. */
const WITHOUT_TEXT = { encodeText: (): Tensor => zeros([1, 1]) };
