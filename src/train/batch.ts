/**
 * From cached clips to what one micro-step feeds the transformer, and what it should answer. Letters: `B` clips, `C` latent
 * channels, `T h w` latent frames, rows, columns.
 */
import { random, seedFor } from "../base/mod.ts";
import type { TrainConfig } from "../config/mod.ts";
import {
  cat,
  type Device,
  dims,
  type DType,
  Generator,
  randn,
  stack,
  type Tensor,
  tensor,
  tidy,
} from "../torch/mod.ts";
import { NUM_TRAIN_TIMESTEPS, padPrompt, TEXT_LENGTH, type TransformerInputs } from "../wan/mod.ts";
import { meanOne } from "./objective.ts";
import { drawSigma, noiseLaw, type SigmaRange } from "./timesteps.ts";

/** One micro-step's data, as the data path gives it. */
export interface ClipBatch {
  /** Clean, normalised latents [B, C, T, h, w], float32 */
  readonly latents: Tensor;
  /** Prompt embeddings [n, textDim], one a clip, trimmed to the prompt's true length */
  readonly text: readonly Tensor[];
  /** What each place counts in the loss [B, 1, T, h, w], 0 to 1; absent when all count alike */
  readonly mask?: Tensor | undefined;
  /** Factor of each clip's loss; absent when all are 1 */
  readonly clipWeights?: readonly number[] | undefined;
  /** Channels that stand beside the noise [B, 4 + C, T, h, w]: which frames are given, and their latents; I2V-A14B's */
  readonly condition?: Tensor | undefined;
}

/** What a micro-step computes. */
export interface Problem {
  readonly inputs: TransformerInputs;
  /** The velocity wanted, noise − clean [B, C, T, h, w] float32 */
  readonly target: Tensor;
  /** The noise level of each clip, on the host */
  readonly sigmas: readonly number[];
  /** Factor of each clip's loss, on the host */
  readonly clipWeights: readonly number[];
  /** The shift that the levels were drawn with */
  readonly shift: number;
  /** The noise level of each latent frame [B, 1, T, 1, 1] */
  readonly frameSigmas: Tensor;
  /** What each place counts in the loss, broadcast against the target; its mean over a clip is 1. Absent when all count alike */
  readonly weights: Tensor | undefined;
}

/** Where and for which transformer a problem is made. */
export interface Place {
  readonly device: Device;
  readonly dtype: DType;
  /** The transformer's patch size */
  readonly patchSize: readonly [number, number, number];
}

/** What is drawn for a batch before its tensors; one entry of each list a clip. */
export interface Draws {
  readonly sigmas: readonly number[];
  /** The shift that the levels were drawn with */
  readonly shift: number;
  /** Whether the first latent frame is given */
  readonly given: readonly boolean[];
  /** The share of noise mixed into what is given */
  readonly givenNoise: readonly number[];
  readonly noiseSeed: bigint;
  readonly givenNoiseSeed: bigint;
}

/** How a problem is drawn; with the seed, the micro-step decides noise, sigmas and conditioning. */
export interface ProblemOptions extends Place {
  readonly train: TrainConfig;
  /** Counted over the whole run */
  readonly microStep: number;
  /** Micro-steps of the same expert before this one; `microStep` where there is one expert */
  readonly expertMicroStep?: number | undefined;
  /** Sigmas that the expert works at; all if absent */
  readonly range?: SigmaRange | undefined;
}

/** Draws the problem of a micro-step. */
export function makeProblem(batch: ClipBatch, options: ProblemOptions): Problem {
  return noisedProblem(batch, { ...draw(batch, options), ...options });
}

/**
 * Noises a batch: x = (1 − sigma) · clean + sigma · noise. A first latent frame that is given stays clean, has timestep 0
 * and does not count in the loss.
 * Source: arXiv:2503.20314, section 4.2; the clean first frame follows Wan-Video/Wan2.2 wan/textimage2video.py, channels
 * beside the noise wan/image2video.py
 */
export function noisedProblem(batch: ClipBatch, options: Draws & Place): Problem {
  const { sigmas, shift, given, givenNoise, noiseSeed, device, dtype, patchSize } = options;
  const { B, C, T, h, w } = dims(batch.latents, "B C T h w");
  const someGiven = given.includes(true);
  /** One value for each clip and latent frame, another for a first one that is given. */
  const perFrame = (values: readonly number[], first: (b: number) => number): number[] =>
    values.flatMap((value, b) => Array.from({ length: T }, (_, t) => t === 0 && given[b] ? first(b) : value));
  const there = { device, nonBlocking: true } as const; // a card may still be busy with the micro-step before
  return tidy(() => {
    using generator = Generator.seeded(noiseSeed);
    // Drawn on the host, so that a seed means the same on every device.
    const noise = randn([B, C, T, h, w], { generator }).to(there);
    const clean = batch.latents.to({ ...there, dtype: "float32" });
    const mixed = tensor(perFrame(sigmas, (b) => givenNoise[b] ?? 0), { shape: [B, 1, T, 1, 1], device });
    const noisy = clean.mul(mixed.rsub(1)).add(noise.mul(mixed));
    const beside = batch.condition === undefined ? [] : [noisedCondition(batch.condition.to(there), options)];
    const frames = tensor(perFrame(given.map(() => 1), () => 0), { shape: [B, 1, T, 1, 1] });
    const timesteps = sigmas.map((value) => value * NUM_TRAIN_TIMESTEPS);
    return {
      inputs: {
        hiddenStates: (beside.length > 0 ? cat([noisy, ...beside], 1) : noisy).to({ dtype }),
        timestep: someGiven
          ? tensor(perFrame(timesteps, () => 0), { shape: [B, T] })
            .repeatInterleave((h / patchSize[1]) * (w / patchSize[2]), 1)
          : tensor(timesteps),
        encoderHiddenStates: stack(batch.text.map((rows) => padPrompt(rows.float(), TEXT_LENGTH))).to({
          ...there,
          dtype,
        }),
      },
      target: noise.sub(clean),
      sigmas,
      clipWeights: batch.clipWeights ?? sigmas.map(() => 1),
      shift,
      frameSigmas: tensor(perFrame(sigmas, () => 0), { shape: [B, 1, T, 1, 1], device }),
      weights: lossWeights(batch.mask, someGiven ? frames : undefined)?.to(there),
    };
  });
}

/** Everything that is drawn for a micro-step. */
function draw(batch: ClipBatch, options: ProblemOptions): Draws {
  const { train, microStep, expertMicroStep = microStep, range, patchSize } = options;
  const { seed, timesteps } = train;
  const { B, T, h, w } = dims(batch.latents, "B _ T h w");
  const law = noiseLaw(timesteps, { frameTokens: (h / patchSize[1]) * (w / patchSize[2]), range });
  const each = <T>(value: (index: number) => T): T[] => Array.from({ length: B }, (_, index) => value(index));
  return {
    sigmas: each((index) => {
      const ordinal = expertMicroStep * B + index;
      return drawSigma(law, { seed, microStep, index, ordinal }, timesteps.strata);
    }),
    shift: law.shift,
    given: each((index) =>
      T > 1 && random(seedFor(seed, "image-conditioning", microStep, index)).next() < train.imageConditioning
    ),
    givenNoise: each((index) => shareOfNoise(train, { microStep, index })),
    noiseSeed: seedFor(seed, "noise", microStep),
    givenNoiseSeed: seedFor(seed, "conditioning-noise", microStep),
  };
}

/** Deviation of the logarithm of the noise on frames that are given. Source: Wan-Video/Wan2.2 wan/utils/utils.py, a hint only */
const CONDITIONING_SPREAD = 0.5;

/** The share of noise mixed into the frames of a clip that are given. */
function shareOfNoise(
  { conditioningNoise: middle, seed }: TrainConfig,
  { microStep, index }: { microStep: number; index: number },
): number {
  if (middle === 0) return 0;
  const normal = random(seedFor(seed, "conditioning-noise", microStep, index)).normal();
  return Math.min(1, middle * Math.exp(CONDITIONING_SPREAD * normal));
}

/** Mixes noise into the latents of frames that are given as channels; the mask and the grey frames stay. */
function noisedCondition(condition: Tensor, { givenNoise, givenNoiseSeed }: Draws): Tensor {
  if (givenNoise.every((share) => share === 0)) return condition.float();
  const { B, K, T, h, w } = dims(condition, "B K T h w");
  const { device } = condition;
  const C = K - MASK_CHANNELS;
  using generator = Generator.seeded(givenNoiseSeed);
  const noise = randn([B, C, T, h, w], { generator }).to({ device, nonBlocking: true });
  const mask = condition.narrow(1, 0, MASK_CHANNELS).float(), latents = condition.narrow(1, MASK_CHANNELS, C).float();
  const shares = mask.amax([1], true).mul(tensor(givenNoise, { shape: [B, 1, 1, 1, 1], device })); // [B, 1, T, h, w]
  return cat([mask, latents.add(noise.sub(latents).mul(shares))], 1);
}

/** Channels that say which of the pixel frames behind a latent frame are given. */
const MASK_CHANNELS = 4;

/** What each place counts: by the mask, and not in frames that are given. */
function lossWeights(mask: Tensor | undefined, frames: Tensor | undefined): Tensor | undefined {
  if (mask === undefined) return frames && meanOne(frames);
  return meanOne(frames === undefined ? mask.float() : mask.float().mul(frames));
}
