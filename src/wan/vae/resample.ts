/**
 * Halving and doubling of rows and columns, and of frames. The video's first frame has no partner: it is never merged
 * with another, nor doubled, nor seen by the convolution that doubles the others.
 * Letters: B batch, C channels, F H W frames, rows, columns.
 * Source: diffusers autoencoder_kl_wan.py, WanResample.
 */
import type { Params } from "../../nn/mod.ts";
import { dims, interpolateNearest, pad, type Tensor } from "../../torch/mod.ts";
import type { FeatureCache } from "./cache.ts";
import { CausalConv3d, FrameConv2d, toFrames, toVideo } from "./conv.ts";
import type { ResamplePlan } from "./layout.ts";

/** Halves rows and columns, and frames where the plan says so. */
export class Downsample {
  readonly #conv: FrameConv2d;
  readonly #timeConv: CausalConv3d | undefined;

  constructor(p: Params, plan: ResamplePlan) {
    const { inChannels, outChannels } = plan;
    this.#conv = new FrameConv2d(p.at("resample.1"), { inChannels, outChannels, kernel: 3, stride: 2 });
    this.#timeConv = plan.time
      ? new CausalConv3d(p.at("time_conv"), {
        inChannels: outChannels,
        outChannels,
        kernel: [3, 1, 1],
        timeStride: 2,
      })
      : undefined;
  }

  /** @param x [B, C, F, H, W] @returns [B, C, F or F / 2, H / 2, W / 2]; the first frame stays one */
  forward(x: Tensor, cache: FeatureCache): Tensor {
    const { B } = dims(x, "B _ _ _ _");
    const half = toVideo(this.#conv.forward(pad(toFrames(x), [0, 1, 0, 1])), B);
    if (this.#timeConv === undefined) return half;
    if (!cache.isFirstChunk) return this.#timeConv.forward(half, cache);
    this.#timeConv.see(half, cache);
    return half;
  }
}

/** Doubles rows and columns, and frames where the plan says so. */
export class Upsample {
  readonly #conv: FrameConv2d;
  readonly #timeConv: CausalConv3d | undefined;

  constructor(p: Params, plan: ResamplePlan) {
    const { inChannels, outChannels } = plan;
    this.#conv = new FrameConv2d(p.at("resample.1"), { inChannels, outChannels, kernel: 3, padding: 1 });
    this.#timeConv = plan.time
      ? new CausalConv3d(p.at("time_conv"), { inChannels, outChannels: 2 * inChannels, kernel: [3, 1, 1] })
      : undefined;
  }

  /** @param x [B, C, F, H, W] @returns [B, O, F or 2·F, 2·H, 2·W]; the first frame stays one */
  forward(x: Tensor, cache: FeatureCache): Tensor {
    const doubled = this.#timeConv === undefined || cache.isFirstChunk
      ? x
      : interleave(this.#timeConv.forward(x, cache));
    const { B, H, W } = dims(doubled, "B _ _ H W");
    const frames = toFrames(doubled);
    const large = interpolateNearest(frames.float(), [2 * H, 2 * W]).to({ dtype: x.dtype });
    return toVideo(this.#conv.forward(large), B);
  }
}

/** The two halves of the channels become neighbouring frames: [B, 2·C, F, H, W] → [B, C, 2·F, H, W]. */
function interleave(x: Tensor): Tensor {
  const { B, D, F, H, W } = dims(x, "B D F H W");
  const C = D / 2;
  return x.reshape([B, 2, C, F, H, W]).permute([0, 2, 3, 1, 4, 5]).reshape([B, C, 2 * F, H, W]);
}
