/** Convolutions over video. Letters: B batch, C channels, F H W frames, rows, columns. */
import type { Params } from "../../nn/mod.ts";
import { cat, conv2d, conv3d, dims, pad, type Tensor } from "../../torch/mod.ts";
import type { FeatureCache } from "./cache.ts";

/**
 * On the host, convolutions of fewer channels run as ones over frames whose channels are those of all frames that a
 * filter sees. Measured on 2 cores, float32: 16 to 64 channels 2 to 5 times faster than libtorch's conv3d, 160 channels a
 * quarter slower.
 */
const FOLD_BELOW_CHANNELS = 128;

/**
 * A convolution in space and time that sees no later frame: in time it is padded on the left alone, with zeros before
 * the video's first frame and with the frames of the chunk before afterwards, so that chunks give what the whole would.
 * Source: diffusers autoencoder_kl_wan.py, WanCausalConv3d.
 */
export class CausalConv3d {
  readonly #weight: Tensor;
  readonly #bias: Tensor;
  readonly #stride: readonly [number, number, number];
  readonly #padding: readonly [number, number, number];
  readonly #canFold: boolean;
  /** Frames before a chunk that its first output looks at. */
  readonly #history: number;

  /** Asks for `weight` [out, in, kt, kh, kw] and `bias` [out]. */
  constructor(
    p: Params,
    options: {
      inChannels: number;
      outChannels: number;
      kernel: readonly [number, number, number];
      timeStride?: number;
    },
  ) {
    const { inChannels, outChannels, kernel, timeStride = 1 } = options;
    this.#weight = p.get("weight", [outChannels, inChannels, ...kernel]);
    this.#bias = p.get("bias", [outChannels]);
    this.#stride = [timeStride, 1, 1];
    this.#padding = [0, Math.floor(kernel[1] / 2), Math.floor(kernel[2] / 2)];
    this.#history = kernel[0] - timeStride;
    this.#canFold = timeStride === 1 && inChannels < FOLD_BELOW_CHANNELS;
  }

  /** @param x [B, C, F, H, W], a chunk @returns [B, O, F / timeStride, H, W] */
  forward(x: Tensor, cache: FeatureCache): Tensor {
    const padded = this.#withHistory(x, cache);
    if (this.#history > 0) this.see(padded, cache);
    if (this.#canFold && padded.device === "cpu") return this.#folded(padded);
    return conv3d(padded, this.#weight, { bias: this.#bias, stride: this.#stride, padding: this.#padding });
  }

  /** Remembers frames for the next chunk without convolving. */
  see(x: Tensor, cache: FeatureCache): void {
    const length = Math.min(this.#history, x.size(2));
    cache.remember(this, x.narrow(2, x.size(2) - length, length));
  }

  /** The same sum of products as conv3d's. */
  #folded(padded: Tensor): Tensor {
    const { B, C, F, H, W } = dims(padded, "B C F H W");
    const { O, t, h, w } = dims(this.#weight, "O C t h w", { C });
    const T = F - t + 1;
    const frames = padded.transpose(1, 2); // [B, F, C, H, W]
    const seen = cat(Array.from({ length: t }, (_, i) => frames.narrow(1, i, T)), 2).reshape([B * T, t * C, H, W]);
    const weight = this.#weight.transpose(1, 2).reshape([O, t * C, h, w]);
    return toVideo(conv2d(seen, weight, { bias: this.#bias, padding: this.#padding.slice(1) }), B);
  }

  #withHistory(x: Tensor, cache: FeatureCache): Tensor {
    if (this.#history === 0) return x;
    const before = cache.recall(this);
    const known = before === undefined ? x : cat([before, x], 2);
    const missing = this.#history - (before?.size(2) ?? 0);
    return missing === 0 ? known : pad(known, [0, 0, 0, 0, missing, 0]);
  }
}

/** A convolution within each frame. */
export class FrameConv2d {
  readonly #weight: Tensor;
  readonly #bias: Tensor;
  readonly #stride: number;
  readonly #padding: number;

  /** Asks for `weight` [out, in, k, k] and `bias` [out]. */
  constructor(
    p: Params,
    options: { inChannels: number; outChannels: number; kernel: number; stride?: number; padding?: number },
  ) {
    const { inChannels, outChannels, kernel } = options;
    this.#weight = p.get("weight", [outChannels, inChannels, kernel, kernel]);
    this.#bias = p.get("bias", [outChannels]);
    this.#stride = options.stride ?? 1;
    this.#padding = options.padding ?? 0;
  }

  /** @param x [N, C, H, W], frames as a batch */
  forward(x: Tensor): Tensor {
    const [stride, padding] = [[this.#stride, this.#stride], [this.#padding, this.#padding]];
    return conv2d(x, this.#weight, { bias: this.#bias, stride, padding });
  }
}

/** Frames as a batch: [B, C, F, H, W] → [B·F, C, H, W]. */
export function toFrames(x: Tensor): Tensor {
  const { B, C, F, H, W } = dims(x, "B C F H W");
  return x.permute([0, 2, 1, 3, 4]).reshape([B * F, C, H, W]);
}

/** The inverse of `toFrames` for a batch of `B` videos. */
export function toVideo(frames: Tensor, B: number): Tensor {
  const { N, C, H, W } = dims(frames, "N C H W");
  return frames.reshape([B, N / B, C, H, W]).permute([0, 2, 1, 3, 4]);
}
