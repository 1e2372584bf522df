/** From cached clips to what one micro-step feeds the transformer, and what it should answer. */
import { random, seedFor } from "../base/mod.ts";
import type { TrainConfig } from "../config/mod.ts";
import {
  type Device,
  dims,
  type DType,
  Generator,
  mseLoss,
  randn,
  stack,
  type Tensor,
  tensor,
  tidy,
} from "../torch/mod.ts";
import { NUM_TRAIN_TIMESTEPS, padPrompt, TEXT_LENGTH, type TransformerInputs } from "../wan/mod.ts";
import { drawSigma, type SigmaRange } from "./timesteps.ts";

/** One micro-step's data, as the data path gives it. */
export interface ClipBatch {
  /** Clean, normalised latents [B, C, T, h, w], float32 */
  readonly latents: Tensor;
  /** Prompt embeddings [n, textDim], one a clip, trimmed to the prompt's true length */
  readonly text: readonly Tensor[];
}

/** What a micro-step computes. */
export interface Problem {
  readonly inputs: TransformerInputs;
  /** The velocity wanted, noise − clean [B, C, T, h, w] float32 */
  readonly target: Tensor;
  /** What each latent frame counts in the loss [B, 1, T, 1, 1]; undefined when all count alike */
  readonly weights: Tensor | undefined;
}

/** How a problem is made; with the seed, the micro-step decides noise, sigmas and conditioning. */
export interface ProblemOptions {
  readonly train: TrainConfig;
  /** Counted over the whole run */
  readonly microStep: number;
  readonly device: Device;
  readonly dtype: DType;
  /** The noise levels to train at; all if absent */
  readonly range?: SigmaRange | undefined;
  /** The transformer's patch size */
  readonly patchSize: readonly [number, number, number];
}

/**
 * Noises a batch: x = (1 − sigma) · clean + sigma · noise. With image conditioning a clip's first latent frame stays
 * clean, has timestep 0 and does not count in the loss.
 * Source: arXiv:2503.20314, section 4.2; the clean first frame follows Wan-Video/Wan2.2 wan/textimage2video.py
 */
export function makeProblem(batch: ClipBatch, options: ProblemOptions): Problem {
  const { train, microStep, device, dtype, patchSize, range } = options;
  const { seed } = train;
  const { B, C, T, h, w } = dims(batch.latents, "B C T h w");
  const sigmas = Array.from({ length: B }, (_, index) => drawSigma(train.timesteps, { seed, microStep, index }, range));
  const conditioned = sigmas.map((_, index) =>
    T > 1 && random(seedFor(seed, "image-conditioning", microStep, index)).next() < train.imageConditioning
  );
  const someConditioned = conditioned.includes(true);
  /** One value for each sample and latent frame, 0 for a clean first one. */
  const perFrame = (values: readonly number[]): number[] =>
    values.flatMap((value, b) => Array.from({ length: T }, (_, frame) => frame === 0 && conditioned[b] ? 0 : value));
  return tidy(() => {
    using generator = Generator.seeded(seedFor(seed, "noise", microStep));
    // Drawn on the host, so that a seed means the same on every device.
    const noise = randn([B, C, T, h, w], { generator }).to({ device });
    const clean = batch.latents.to({ device, dtype: "float32" });
    const sigma = tensor(perFrame(sigmas), { shape: [B, 1, T, 1, 1], device });
    const noisy = clean.mul(sigma.rsub(1)).add(noise.mul(sigma));
    const tokensPerFrame = (h / patchSize[1]) * (w / patchSize[2]);
    return {
      inputs: {
        hiddenStates: noisy.to({ dtype }),
        timestep: someConditioned
          ? tensor(perFrame(sigmas.map((value) => value * NUM_TRAIN_TIMESTEPS)), { shape: [B, T] })
            .repeatInterleave(tokensPerFrame, 1)
          : tensor(sigmas.map((value) => value * NUM_TRAIN_TIMESTEPS)),
        encoderHiddenStates: stack(batch.text.map((rows) => padPrompt(rows.float(), TEXT_LENGTH))).to({
          device,
          dtype,
        }),
      },
      target: noise.sub(clean),
      weights: someConditioned ? frameWeights(conditioned, T).to({ device }) : undefined,
    };
  });
}

/** Weights whose product with a mean over all frames is the mean over the frames that count. */
function frameWeights(conditioned: readonly boolean[], T: number): Tensor {
  const counted = conditioned.reduce((sum, clean) => sum + (clean ? T - 1 : T), 0);
  const weight = conditioned.length * T / counted;
  const values = conditioned.flatMap((clean) => Array.from({ length: T }, (_, t) => clean && t === 0 ? 0 : weight));
  return tensor(values, { shape: [conditioned.length, 1, T, 1, 1] });
}

/** Mean squared error of the velocity in float32, over the frames that count. @returns a scalar */
export function flowLoss(output: Tensor, { target, weights }: Pick<Problem, "target" | "weights">): Tensor {
  if (weights === undefined) return mseLoss(output.float(), target);
  return output.float().sub(target).square().mul(weights).mean();
}
