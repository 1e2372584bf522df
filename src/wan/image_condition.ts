/**
 * How I2V-A14B is given pictures: as 20 channels beside the noise, a mask of the frames that are known and the latents of a
 * video that shows them and is grey elsewhere. Letters: B batch, C latent channels, F H W pixel frames, rows, columns, T h w
 * latent ones, t pixel frames for a latent frame.
 * Source: Wan-Video/Wan2.2 wan/image2video.py, generate; diffusers pipeline_wan_i2v.py, prepare_latents
 */
import { ConfigError, ShapeError } from "../base/mod.ts";
import { cat, dims, type Tensor, tidy, zeros } from "../torch/mod.ts";
import type { FrameSource, WanVae, WorkOptions } from "./vae/mod.ts";

/** The pictures a video is to begin and end with. */
export interface KnownFrames {
  /** [B, 3, H, W] in [−1, 1] */
  readonly image: Tensor;
  /** Like `image` */
  readonly lastImage?: Tensor | undefined;
}

/** The size of latents, and what of them is known. */
export interface KnownMaskOptions {
  /** Latent frames, rows and columns */
  readonly size: readonly [number, number, number];
  readonly temporalStride: number;
  /** Whether the last pixel frame is known too */
  readonly last: boolean;
}

/**
 * Which pixel frames behind each latent frame are known: all of the first latent frame, and with a last picture the last
 * of the last one.
 * @returns [1, t, T, h, w] of 0 and 1
 */
export function knownFramesMask({ size: [T, h, w], temporalStride: t, last }: KnownMaskOptions): Tensor {
  const mask = zeros([1, t, T, h, w]);
  tidy(() => {
    mask.narrow(2, 0, 1).fill_(1);
    if (last) mask.narrow(1, t - 1, 1).narrow(2, T - 1, 1).fill_(1);
  });
  return mask;
}

/** A video of pictures and grey between them, made chunk by chunk. @throws {ShapeError} if the pictures differ in size */
export function greyVideo({ image, lastImage }: KnownFrames, numFrames: number): FrameSource {
  const { B, H, W } = dims(image, "B 3 H W");
  if (lastImage !== undefined) dims(lastImage, "B 3 H W", { B, H, W });
  const lastAt = lastImage === undefined ? Infinity : numFrames - 1;
  return {
    shape: [B, 3, numFrames, H, W],
    frames: (start, length) =>
      tidy(() => {
        const video = zeros([B, 3, length, H, W], { device: image.device });
        if (start === 0) video.select(2, 0).copy_(image);
        if (lastImage !== undefined && lastAt < start + length) video.select(2, lastAt - start).copy_(lastImage);
        return video;
      }),
  };
}

/**
 * The channels that stand beside the noise.
 * @returns [B, t + C, T, h, w] float32 on the VAE's device: the mask, then the normalised latents
 * @throws {ConfigError} for a last picture of a video that has only a first frame
 * @throws {ShapeError} if the pictures differ in size or do not fit the VAE
 */
export function encodeImageCondition(
  vae: WanVae,
  options: KnownFrames & { numFrames: number } & WorkOptions,
): Tensor {
  const { image, lastImage, numFrames } = options;
  if (lastImage !== undefined && numFrames === 1) {
    throw new ConfigError("Cannot make a video of one frame from a first and a last picture", {
      cure: "take more frames, or leave the last picture out",
    });
  }
  return tidy(() => {
    const latents = vae.encodeNormalized(greyVideo({ image, lastImage }, numFrames), options);
    const { B, T, h, w } = dims(latents, "B _ T h w");
    const mask = knownFramesMask({
      size: [T, h, w],
      temporalStride: vae.temporalStride,
      last: lastImage !== undefined,
    });
    return cat([mask.to({ device: latents.device }).expand([B, vae.temporalStride, T, h, w]), latents], 1);
  });
}

/** Refuses pictures whose sides are not the video's. @throws {ShapeError} */
export function checkPicture(picture: Tensor, size: { height: number; width: number }): void {
  const { H, W } = dims(picture, "_ 3 H W");
  if (H === size.height && W === size.width) return;
  throw new ShapeError(`A picture of ${W}x${H} pixels was given for a video of ${size.width}x${size.height}.`);
}
