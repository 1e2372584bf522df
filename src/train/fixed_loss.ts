/** The loss at fixed noise and fixed noise levels: a number that can be compared between points of a run. */
import { type Device, Generator, noGrad, randn, stack, type Tensor, tensor, tidy } from "../torch/mod.ts";
import {
  addNoise,
  NUM_TRAIN_TIMESTEPS,
  padPrompt,
  TEXT_LENGTH,
  velocityTarget,
  type WanTransformer,
} from "../wan/mod.ts";
import { flowLoss } from "./objective.ts";

/** One clip as the loss sees it. */
export interface EncodedClip {
  /** [1, C, T, h, w] */
  readonly latents: Tensor;
  /** [n, textDim] */
  readonly text: Tensor;
}

/** Means of the squared error of the velocity. */
export interface FixedLoss {
  readonly mean: number;
  readonly perSigma: readonly number[];
  readonly perClip: readonly number[];
}

/** Ten levels over the whole range. */
export const FIXED_SIGMAS: readonly number[] = [0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95];

/**
 * Measures a model on clips of one size. The noise is one draw of [sigmas, clips, C, T, h, w].
 * @param options.device the model's; clips may be on the host
 * @param options.seed of the noise
 * @throws {RangeError} if there are no clips
 */
export function fixedNoiseLoss(
  model: WanTransformer,
  options: { clips: readonly EncodedClip[]; device: Device; sigmas?: readonly number[]; seed?: number },
): FixedLoss {
  const { device, sigmas = FIXED_SIGMAS, seed = 1234 } = options;
  const [first] = options.clips;
  if (first === undefined) throw new RangeError("no clips to measure the loss on");
  return noGrad(() =>
    tidy(() => {
      using generator = Generator.seeded(seed);
      const clips = options.clips.map(({ latents, text }) => ({
        latents: latents.to({ device }),
        text: text.to({ device }),
      }));
      const shape = first.latents.shape.slice(1);
      const noise = randn([sigmas.length, clips.length, ...shape], { generator });
      const losses = sigmas.map((sigma, s) =>
        clips.map(({ latents, text }, c) =>
          tidy(() => {
            const drawn = noise.select(0, s).narrow(0, c, 1).to({ device });
            const output = model.forward({
              hiddenStates: addNoise(latents, { noise: drawn, sigma }),
              timestep: tensor([sigma * NUM_TRAIN_TIMESTEPS]),
              encoderHiddenStates: padPrompt(text, TEXT_LENGTH).unsqueeze(0),
            });
            return flowLoss(output, { target: velocityTarget(latents, drawn), weights: undefined });
          })
        )
      );
      const table = stack(losses.map((row) => stack(row))); // [sigmas, clips]
      return {
        mean: table.mean().item(),
        perSigma: table.mean([1]).toNumbers(),
        perClip: table.mean([0]).toNumbers(),
      };
    })
  );
}
