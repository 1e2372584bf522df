/**
 * Prompt to video. The stages are functions of their own, as text encoder, transformer and VAE of a large model are not
 * in memory together: `encodePrompt`, then `generate`. Letters: B batch, C channels, F H W frames, rows, columns, T h w
 * latent ones.
 * Source: diffusers pipelines/wan/pipeline_wan.py and pipeline_wan_i2v.py, __call__.
 */
import { ConfigError, WeightsError } from "../base/mod.ts";
import { dims, Generator, noGrad, randn, type Tensor, tidy, unscoped } from "../torch/mod.ts";
import { type DenoiseOptions, Denoising, type VelocityModel } from "./denoise.ts";
import { latentSize, type VideoSize } from "./geometry.ts";
import { checkPicture, encodeImageCondition } from "./image_condition.ts";
import type { WanVae, WorkOptions } from "./vae/mod.ts";

/** What to make. */
export interface GenerateOptions extends Omit<DenoiseOptions, "latents" | "firstFrame" | "condition">, WorkOptions {
  /** The size of the video and the seed of its noise, or the starting noise [B, C, T, h, w] itself. */
  readonly start: (VideoSize & { readonly seed: number | bigint }) | Tensor;
  /** The first frame [B or 1, 3, H, W] in [−1, 1]; absent for text alone */
  readonly image?: Tensor | undefined;
  /** The last frame, like `image`; for models that see pictures as channels */
  readonly lastImage?: Tensor | undefined;
  /** Called after each step, with steps counted from 1; the latents live as long as the call. */
  readonly onStep?: (step: number, latents: Tensor) => void;
  /** Ends the work between two steps. */
  readonly signal?: AbortSignal | undefined;
}

/** What was made; the caller owns the tensors. */
export interface Generated {
  /** Normalised, [B, C, T, h, w] float32 */
  readonly latents: Tensor;
  /** [B, F, 3, H, W] float32 in [0, 1] */
  readonly frames: Tensor;
}

/** What it takes beside the prompt's embeddings. */
export interface GenerateParts {
  readonly model: VelocityModel;
  readonly vae: WanVae;
}

/**
 * Makes videos. Between steps the event loop gets its turn, so signals and timers work.
 * @throws {ConfigError} for a size that the model cannot make, and for pictures that it needs or cannot take
 * @throws {ShapeError} for pictures of another size
 * @throws {WeightsError} if what is made is not finite: a video of it would be black
 * @throws what `options.signal` was aborted with
 */
export async function generate(parts: GenerateParts, options: GenerateOptions): Promise<Generated> {
  const latents = await generateLatents(parts, options);
  try {
    const frames = unscoped(() => decodeFrames(parts.vae, latents, options));
    if (!hasFiniteMean(frames)) {
      frames[Symbol.dispose]();
      throw notFinite("frames", "look for damage in the VAE's weights with `wantune inspect`");
    }
    return { latents, frames };
  } catch (error) {
    latents[Symbol.dispose]();
    throw error;
  }
}

/**
 * The first part of `generate`: normalised latents [B, C, T, h, w], float32. The model is not needed afterwards.
 * Errors as of `generate`.
 */
export async function generateLatents(parts: GenerateParts, options: GenerateOptions): Promise<Tensor> {
  using walk = beginWalk(parts, options);
  while (walk.stepsDone < walk.numSteps) {
    await new Promise((resolve) => setTimeout(resolve));
    options.signal?.throwIfAborted();
    walk.step();
    options.onStep?.(walk.stepsDone, walk.latents);
  }
  if (!hasFiniteMean(walk.latents)) { // asked once, as each time waits for a card
    throw notFinite("latents", "look for damage in the model's and the LoRAs' weights with `wantune inspect`");
  }
  return unscoped(() => walk.result());
}

function hasFiniteMean(x: Tensor): boolean {
  return Number.isFinite(noGrad(() => tidy(() => x.mean().item())));
}

function notFinite(what: string, cure: string): WeightsError {
  return new WeightsError(`Cannot make the video: its ${what} are not finite numbers`, { cure });
}

function beginWalk({ model, vae }: GenerateParts, options: GenerateOptions): Denoising {
  const { start } = options;
  const { device } = options.promptEmbeds;
  return tidy(() => {
    const latents = "seed" in start ? initialLatents(vae, { ...start, patch: model.config.patchSize[1] }) : start;
    const pictures = encodePictures(model, { ...options, vae, latents });
    const [firstFrame, condition] = [pictures.firstFrame?.to({ device }), pictures.condition?.to({ device })];
    // The walk copies these; those made here are freed.
    return new Denoising(model, { ...options, latents: latents.to({ device }), firstFrame, condition });
  });
}

/** Pictures in the form that the model takes them in. */
function encodePictures(
  { config }: VelocityModel,
  options: Pick<GenerateOptions, "image" | "lastImage" | "tiling"> & { vae: WanVae; latents: Tensor },
): Pick<DenoiseOptions, "firstFrame" | "condition"> {
  const { image, lastImage, vae, latents, tiling } = options;
  const { T, h, w } = dims(latents, "_ _ T h w");
  const size = { height: h * vae.spatialStride, width: w * vae.spatialStride };
  for (const picture of [image, lastImage]) if (picture !== undefined) checkPicture(picture, size);
  if (config.inChannels === config.outChannels) {
    if (lastImage !== undefined) {
      throw new ConfigError("Cannot end the video with a picture: this model is given a first frame at most", {
        cure: "leave the last picture out, or take I2V-A14B",
      });
    }
    return { firstFrame: image && encodeFirstFrame(vae, image) };
  }
  if (image === undefined) {
    throw new ConfigError("Cannot make a video from text alone: this model needs its first frame", {
      cure: "give it a picture, or take a text-to-video model",
    });
  }
  const numFrames = (T - 1) * vae.temporalStride + 1;
  return { condition: encodeImageCondition(vae, { image, lastImage, numFrames, tiling }) };
}

/**
 * The noise that a seed means: float32 drawn on the host in [1, C, T, h, w] order, whatever the device.
 * @param options.patch latent positions along a side that share a token
 * @throws {ConfigError} for a size that the model cannot make
 */
export function initialLatents(
  vae: Pick<WanVae, "latentChannels" | "spatialStride" | "temporalStride">,
  options: VideoSize & { seed: number | bigint; patch: number },
): Tensor {
  const { latentChannels, spatialStride, temporalStride } = vae;
  const strides = { temporalStride, spatialStride, spatialDivisor: spatialStride * options.patch };
  const shape = [1, latentChannels, ...latentSize(options, strides)];
  using generator = Generator.seeded(options.seed);
  return randn(shape, { generator });
}

/** The normalised latent of a picture that a video is to begin with. @param image [B, 3, H, W] in [−1, 1] @returns [B, C, 1, h, w] */
export function encodeFirstFrame(vae: WanVae, image: Tensor): Tensor {
  return tidy(() => vae.encodeNormalized(image.unsqueeze(2)));
}

/**
 * Videos as players want them.
 * @param latents normalised [B, C, T, h, w]
 * @returns [B, F, 3, H, W] in [0, 1]
 */
export function decodeFrames(vae: WanVae, latents: Tensor, options: WorkOptions = {}): Tensor {
  return noGrad(() =>
    tidy(() => {
      const video = vae.decode(latents, options); // as large as the result: changed in place
      video.mul_(0.5);
      video.add_(0.5);
      video.clamp_(0, 1);
      return video.transpose(1, 2);
    })
  );
}
