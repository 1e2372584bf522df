/**
 * What a run will take, before any weight is loaded: the same planning as a run's on blank models, the encoders measured alike, and
 * what is there at once in each phase of the run added up.
 */
import type { SettledConfig } from "../../config/mod.ts";
import type { Device, DType } from "../../torch/mod.ts";
import type { Expert, ModelSource, VideoSize } from "../../wan/mod.ts";
import { configOf, fitsBoth, trainedExperts } from "../experts.ts";
import { type BlankTrainee, numbersOf, standingBytes, type TraineeSizes, withBlankTrainee } from "./blank_trainee.ts";
import { PlanInForce, programMemory } from "./in_force.ts";
import { type BatchShape, type BlockCosts, measureBlock } from "./measure.ts";
import { type Phase, phasesOf } from "./phases.ts";
import { forecastText, type TextForecast } from "./text_side.ts";
import { measureUpdate } from "./update.ts";

/** What a run computes with. */
export interface Workload {
  readonly batch: BatchShape;
  /** The clip of most pixels that is encoded. */
  readonly clip: VideoSize;
  /** Of all clips together, each frame counted. */
  readonly totalPixels: number;
  /** How many texts are encoded, and the tokens of the longest, its end token included. */
  readonly numTexts: number;
  readonly textTokens: number;
}

/** How a forecast is made. */
export interface ForecastOptions {
  readonly models: ModelSource;
  readonly config: SettledConfig;
  readonly workload: Workload;
  readonly device: Device;
  readonly dtype: DType;
  /** Bytes of the host that are no tensors; those of this program, once it has computed, if absent. */
  readonly programBytes?: () => number;
}

/** What the training of one expert takes. */
export interface ExpertForecast {
  readonly expert: Expert;
  readonly config: SettledConfig;
  readonly memory: PlanInForce;
  readonly sizes: TraineeSizes;
  /** The most that a step takes: on the card, or resident on the host. */
  readonly peakBytes: number;
  /** An estimate, from the measured block. */
  readonly secondsPerStep: number;
  /** Numbers that training changes. */
  readonly numTrained: number;
  /** Of one checkpoint on disk. */
  readonly checkpointBytes: number;
  /** Of what is trained, kept aside while averages stand in for it. */
  readonly swappedBytes: number;
  /** A block at the size of a sample; undefined where none is made. */
  readonly sampleCosts: BlockCosts | undefined;
}

/** What a run takes. */
export interface Forecast {
  readonly experts: readonly ExpertForecast[];
  /** One thing after the other, each with the most that it takes. */
  readonly phases: readonly Phase[];
  /** The most of all phases: on the card, or resident on the host. */
  readonly peakBytes: number;
  /** The most on the host. */
  readonly hostBytes: number;
  /** Bytes of the host that are no tensors, which every phase has. */
  readonly programBytes: number;
}

/**
 * Bytes that a trainer takes beyond the program that plans: run store, events, reader of frames, small blocks of the heap, and the
 * pages of libraries that only real data reaches. Measured: 45 to 70 MiB (Deno 2.7, libtorch 2.13, Linux).
 */
const TRAINER_BYTES = 48 * 2 ** 20;

/**
 * Forecasts a run.
 * @throws {ConfigError} as the run itself would
 */
export function forecastRun(options: ForecastOptions): Forecast {
  const { config, models, workload, device, dtype } = options;
  const text = forecastText(config, { models, numTokens: workload.textTokens, device });
  const names = trainedExperts(config, models);
  const takesTurns = names.length > 1 && config.method.kind !== "full" && !fitsBoth(models, { device, dtype });
  const blanks = names.map((expert) => ({
    ...options,
    expert,
    config: configOf(config, expert),
    textParams: text.params,
  }));
  const sizes = blanks.map((blank) => withBlankTrainee(blank, (trainee) => trainee.sizes));
  const experts = blanks.map((blank, i) => {
    const others = sizes.filter((_, j) => j !== i);
    const otherBytes = others.reduce((sum, other) => sum + standingBytes(other, { takesTurns }), 0);
    return withBlankTrainee(blank, (trainee) => forecastExpert(trainee, { ...blank, text, otherBytes }));
  });
  const phases = phasesOf(experts, { ...options, ...workload, text: text.costs });
  const peakBytes = Math.max(...phases.map(({ bytes }) => bytes));
  const programBytes = Math.max(...experts.map(({ memory: { facts } }) => facts.programBytes));
  return { experts, phases, peakBytes, programBytes, hostBytes: device === "cpu" ? peakBytes : hostBytes(experts) };
}

function forecastExpert(
  { built: { model, params }, trained, sizes, missingBytes }: BlankTrainee,
  options: ForecastOptions & { expert: Expert; text: TextForecast; otherBytes: number },
): ExpertForecast {
  const { config, expert, workload: { batch }, device, dtype, text, otherBytes } = options;
  const programBytes = options.programBytes ?? ((): number => programMemory() + TRAINER_BYTES);
  const { memory: wanted, train: { gradientAccumulation: accumulation }, optim } = config;
  const memory = PlanInForce.measured({ model, params, trained }, {
    ...{ memory: wanted, batch, device, dtype, programBytes, accumulation },
    updateBytes: measureUpdate(trained, { config, device }),
    textBytes: text.stepBytes,
    missingBytes: missingBytes + otherBytes + text.standingBytes,
  });
  const { choice: { plan, peakBytes }, facts: { costs: { forwardSeconds, backwardSeconds } } } = memory;
  const recomputed = plan.filter(({ graph }) => graph === "recompute").length;
  const blockSeconds = plan.length * (forwardSeconds + backwardSeconds) + recomputed * forwardSeconds;
  const averages = optim.ema !== undefined || optim.name === "schedule-free";
  return {
    ...{ expert, config, memory, sizes, peakBytes },
    secondsPerStep: accumulation * (blockSeconds + text.stepSeconds),
    numTrained: numbersOf(trained),
    checkpointBytes: sizes.trained + sizes.state + sizes.average,
    swappedBytes: averages ? sizes.trained : 0,
    sampleCosts: sampleCosts(memory, { ...options, model }),
  };
}

/** A block's costs in samples, without a graph. */
function sampleCosts(
  memory: PlanInForce,
  { config: { sample }, models, model, device, dtype }: ForecastOptions & { model: BlankTrainee["built"]["model"] },
): BlockCosts | undefined {
  if (sample === undefined) return undefined;
  const { width, height, numFrames } = sample;
  const numTokens = tokensOf({ width, height, numFrames }, models);
  const batch = {
    batchSize: 1,
    numTokens,
    perToken: sample.images !== undefined && models.variant.image === "first-frame",
  };
  const { weights: weightBytes } = memory.facts.costs;
  return measureBlock(model, { batch, device, dtype, index: 0, trained: [], weightBytes });
}

/** Tokens of a video. */
export function tokensOf(
  { width, height, numFrames }: VideoSize,
  { spatialDivisor, temporalStride }: Pick<ModelSource, "spatialDivisor" | "temporalStride">,
): number {
  return ((numFrames - 1) / temporalStride + 1) * (width / spatialDivisor) * (height / spatialDivisor);
}

/** On the host of a card: the program, weights that are streamed from there, inputs of blocks that are kept there. */
function hostBytes(experts: readonly ExpertForecast[]): number {
  return Math.max(
    ...experts.map(({ memory: { choice: { plan }, facts: { costs, programBytes } } }) =>
      plan.reduce((sum, { weights, inputs }) => {
        return sum + (weights === "streamed" ? costs.weights : 0) + (inputs === "host" ? costs.input : 0);
      }, programBytes)
    ),
  );
}
