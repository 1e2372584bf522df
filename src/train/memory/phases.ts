/** What a run has in memory at once while it does one thing after the other. */
import type { SettledConfig } from "../../config/mod.ts";
import type { Device } from "../../torch/mod.ts";
import type { ModelSource, VideoSize } from "../../wan/mod.ts";
import { guidanceOf } from "../guidance.ts";
import { trainsText } from "../text_side.ts";
import { measureVae, type TextCosts } from "./encoders.ts";
import type { ExpertForecast } from "./forecast.ts";
import { forwardPeakOf, placedBytes } from "./plan.ts";

/** One thing that a run does, and the most that it takes meanwhile: on the card, or resident on the host. */
export interface Phase {
  readonly name: "captions" | "clips" | "training" | "validation" | "samples";
  readonly bytes: number;
  /** In all, an estimate from what was measured; absent where nothing was. */
  readonly seconds?: number;
}

/** What phases are made of. */
export interface PhaseOptions {
  readonly config: SettledConfig;
  readonly models: ModelSource;
  readonly device: Device;
  readonly text: TextCosts;
  /** How many texts are encoded. */
  readonly numTexts: number;
  /** The clip of most pixels, and the pixels of all clips together, each frame counted. */
  readonly clip: VideoSize;
  readonly totalPixels: number;
}

/** The phases of a run in the order in which they first come. */
export function phasesOf(experts: readonly ExpertForecast[], options: PhaseOptions): Phase[] {
  const { config, text, numTexts } = options;
  const [first] = experts;
  if (first === undefined) throw new TypeError("a run without an expert");
  const programBytes = options.device === "cpu" ? first.memory.facts.programBytes : 0;
  const captions = {
    name: "captions",
    bytes: programBytes + text.weights + text.work,
    seconds: numTexts * text.seconds,
  } as const;
  const training = experts.reduce(
    (sum, { config: { train }, secondsPerStep }) => sum + train.steps * secondsPerStep,
    0,
  );
  return [
    ...(trainsText(config) ? [] : [captions]),
    clipsPhase(programBytes, options),
    { name: "training", bytes: Math.max(...experts.map(({ peakBytes }) => peakBytes)), seconds: training },
    ...(config.validation === undefined ? [] : [validationPhase(experts)]),
    ...(config.sample === undefined ? [] : [samplesPhase(experts, { ...options, sample: config.sample })]),
  ];
}

/** Encoding clips: one is encoded while the next one is decoded. */
function clipsPhase(programBytes: number, { models, clip, totalPixels, device }: PhaseOptions): Phase {
  const { weights, work, seconds } = measureVae(models, { half: "encode", size: clip, device });
  const values = 3 * pixelsOf(clip);
  const frames = 4 * values + (device === "cpu" ? 2 * values : 0);
  return {
    name: "clips",
    bytes: programBytes + weights + work + frames,
    seconds: seconds * totalPixels / pixelsOf(clip),
  };
}

/** Forward passes of one clip at a time, with averages in the place of what is trained where there are some. */
function validationPhase(experts: readonly ExpertForecast[]): Phase {
  const bytes = experts.map(({ memory: { choice, facts }, config: { train }, swappedBytes }) => {
    const work = forwardPeakOf(choice.plan, { costs: facts.costs, fixedBytes: 0 }) -
      placedBytes(choice.plan, facts.costs);
    return facts.fixedBytes + placedBytes(choice.plan, facts.costs) + swappedBytes + work / train.batchSize;
  });
  return { name: "validation", bytes: Math.max(...bytes) };
}

/** Denoising, and decoding what came of it; the VAE is there for both. */
function samplesPhase(
  experts: readonly ExpertForecast[],
  { models, sample, device }: PhaseOptions & { sample: NonNullable<SettledConfig["sample"]> },
): Phase {
  const { weights, work, seconds } = measureVae(models, { half: "decode", size: sample, device });
  const values = 3 * pixelsOf(sample);
  const video = 4 * values + (device === "cpu" ? values : 0);
  const swapped = experts.reduce((sum, { swappedBytes }) => sum + swappedBytes, 0);
  const bytes = experts.map(({ memory: { choice: { plan }, facts: { fixedBytes } }, sampleCosts, sizes }) => {
    if (sampleCosts === undefined) return 0;
    // Of two experts the one that is not trained comes from its file, a block at a time.
    const untrained = models.boundary !== null && experts.length === 1 ? sizes.ends + sampleCosts.passing : 0;
    const fixed = fixedBytes + weights + swapped + untrained;
    const denoising = forwardPeakOf(plan, { costs: sampleCosts, fixedBytes: fixed });
    return Math.max(denoising, fixed + placedBytes(plan, sampleCosts) + work + video);
  });
  const [first] = experts;
  const passes = guidanceOf(sample, models.variant).guidanceScale === 1 ? 1 : 2;
  const denoising = sample.steps * passes * models.transformerConfig.numLayers *
    (first?.sampleCosts?.forwardSeconds ?? 0);
  const times = Math.max(1, Math.floor((first?.config.train.steps ?? 0) * experts.length / sample.everySteps));
  return { name: "samples", bytes: Math.max(...bytes), seconds: times * sample.prompts.length * (denoising + seconds) };
}

function pixelsOf({ width, height, numFrames }: VideoSize): number {
  return width * height * numFrames;
}
