/** What a sample is made with: what the user asked for, else what suits the model. */
import { ConfigError, WeightsError } from "../../base/mod.ts";
import {
  type Convention,
  latentSize,
  type ModelSource,
  sizeForPicture,
  type SolverChoice,
  type SolverKind,
  type UniPcVariant,
} from "../../wan/mod.ts";

/** What a user may ask for. */
export interface SampleWishes {
  readonly negativePrompt?: string | undefined;
  readonly width?: number | undefined;
  readonly height?: number | undefined;
  readonly frames?: number | undefined;
  readonly fps?: number | undefined;
  readonly steps?: number | undefined;
  readonly guidance?: number | undefined;
  readonly guidanceLow?: number | undefined;
  readonly shift?: number | undefined;
  readonly textLength?: number | undefined;
  readonly solver?: SolverKind | undefined;
  readonly solverOrder?: number | undefined;
  readonly solverType?: UniPcVariant | undefined;
  readonly corrector?: boolean | undefined;
  readonly sigmas?: Convention | undefined;
  readonly seed?: number | undefined;
}

/** Everything that decides a sample beside the prompt and the weights. */
export interface SampleSettings extends SolverChoice {
  readonly negativePrompt: string;
  readonly width: number;
  readonly height: number;
  readonly numFrames: number;
  readonly fps: number;
  readonly steps: number;
  readonly guidanceScale: number;
  /** That of the low-noise expert, for models of two. */
  readonly lowNoiseGuidanceScale?: number;
  readonly shift: number;
  /** Rows of text that the transformer attends to, where they are not as many as it was trained with. */
  readonly textLength?: number;
  readonly seed: number;
}

/** What is known of given material. */
export interface GivenMaterial {
  /** Width and height of the first frame's picture, in pixels. */
  readonly image?: { readonly width: number; readonly height: number } | undefined;
  /** Shape of the starting latents. */
  readonly latents?: readonly number[] | undefined;
}

/** For a model of no published size nothing is known to suit it: a short, small clip, quickly made. Chosen. */
const SMALL = { positions: 4, latentFrames: 3, fps: 8, steps: 20 } as const;

/**
 * Completes what the user asked for: a size from the starting latents, else the published area in the picture's
 * shape, else the published size; for a model of no published size 4 × 4 tokens and 3 latent frames.
 * @throws {ConfigError} for a size that the model cannot make, naming the nearest, or that the starting latents do not have
 * @throws {WeightsError} if the starting latents are not the model's
 */
export function completeSettings(
  models: ModelSource,
  { wishes, given }: { wishes: SampleWishes; given: GivenMaterial },
): SampleSettings {
  const { variant: { inference }, isPublishedSize } = models;
  const size = sizeOf(models, { wishes, given });
  return {
    ...size,
    negativePrompt: wishes.negativePrompt ?? inference.negativePrompt,
    fps: wishes.fps ?? (isPublishedSize ? inference.fps : SMALL.fps),
    steps: wishes.steps ?? (isPublishedSize ? inference.steps : SMALL.steps),
    guidanceScale: wishes.guidance ?? inference.guidanceScale,
    ...lowGuidance(models, wishes),
    shift: wishes.shift ?? models.shift,
    ...(wishes.textLength === undefined ? {} : { textLength: wishes.textLength }),
    ...solverChoice(wishes),
    seed: wishes.seed ?? 0,
  };
}

/** Like diffusers: what is said of guidance holds for both experts, unless the second one's is said too. */
function lowGuidance({ variant }: ModelSource, wishes: SampleWishes): Pick<SampleSettings, "lowNoiseGuidanceScale"> {
  const { inference, experts, title } = variant;
  if (experts === 1) {
    if (wishes.guidanceLow === undefined) return {};
    throw new ConfigError(`Cannot guide the low-noise expert of ${title}: it has one transformer`, {
      cure: "leave --guidance-low out, --guidance is all there is",
    });
  }
  const scale = wishes.guidanceLow ?? wishes.guidance ?? inference.lowNoiseGuidanceScale;
  return scale === undefined ? {} : { lowNoiseGuidanceScale: scale };
}

/** What is said of the solver; what it cannot do is refused rather than ignored. */
function solverChoice(wishes: SampleWishes): SolverChoice {
  const { solver = "unipc", solverOrder, solverType, corrector, sigmas } = wishes;
  const maxOrder = { "unipc": 3, "dpm++": 2, "euler": 1 }[solver];
  const idle = solver === "unipc" ? [] : [["type", solverType], ["corrector", corrector]] as const;
  const fact = solverOrder !== undefined && solverOrder > maxOrder
    ? `has the order ${maxOrder === 1 ? "1 alone" : `${maxOrder} at most`}, not ${solverOrder}`
    : idle.filter(([, value]) => value !== undefined).map(([name]) => `has no ${name}`)[0];
  if (fact !== undefined) {
    throw new ConfigError(`Cannot sample with ${solver} like this: it ${fact}`, {
      cure: "leave --solver-order, --solver-type and --corrector out, or take --solver unipc",
    });
  }
  const said = Object.entries({ solverOrder, solverType, corrector, sigmas }).filter(([, value]) =>
    value !== undefined
  );
  return { solver, ...Object.fromEntries(said) };
}

type Size = Pick<SampleSettings, "width" | "height" | "numFrames">;

function sizeOf(models: ModelSource, { wishes, given }: { wishes: SampleWishes; given: GivenMaterial }): Size {
  const fromLatents = given.latents && sizeOfLatents(models, given.latents);
  const { width, height, numFrames } = fromLatents ?? usualSize(models, given.image);
  const size: Size = {
    width: wishes.width ?? width,
    height: wishes.height ?? height,
    numFrames: wishes.frames ?? numFrames,
  };
  latentSize(size, models);
  if (
    fromLatents !== undefined && (["width", "height", "numFrames"] as const).some((k) => size[k] !== fromLatents[k])
  ) {
    throw new ConfigError(
      `Cannot start from these latents: they are those of ${numFrames} frames of ${width}x${height}, not of ` +
        `${size.numFrames} frames of ${size.width}x${size.height}`,
      { cure: "leave --width, --height and --frames out: the latents tell them" },
    );
  }
  return size;
}

function sizeOfLatents(models: ModelSource, shape: readonly number[]): Size {
  const { latentChannels, spatialStride, temporalStride } = models;
  const [B, C, T = 0, h = 0, w = 0] = shape;
  if (shape.length !== 5 || B !== 1 || C !== latentChannels || T * h * w === 0) {
    throw new WeightsError(
      `Cannot start from these latents: their shape is [${shape.join(", ")}], not [1, ${latentChannels}, T, h, w]`,
      { cure: "give the noise of one video, as wide as the model's latents" },
    );
  }
  return { width: w * spatialStride, height: h * spatialStride, numFrames: (T - 1) * temporalStride + 1 };
}

function usualSize(models: ModelSource, image: GivenMaterial["image"]): Size {
  const { variant: { inference }, isPublishedSize, spatialDivisor, temporalStride } = models;
  if (!isPublishedSize) {
    const side = SMALL.positions * spatialDivisor;
    return { width: side, height: side, numFrames: (SMALL.latentFrames - 1) * temporalStride + 1 };
  }
  const [[width, height] = [spatialDivisor, spatialDivisor]] = inference.sizes;
  const sides = image === undefined
    ? { width, height }
    : sizeForPicture(models, { picture: image, area: width * height });
  return { ...sides, numFrames: inference.numFrames };
}
