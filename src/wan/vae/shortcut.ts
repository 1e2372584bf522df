/**
 * Moves between pixels and channels that have no parameters: the shortcuts around the stages of the 2.2 kind, and its
 * patches. Letters: B batch, C channels, F H W frames, rows, columns; t y x the place within a cell.
 * Source: diffusers autoencoder_kl_wan.py, AvgDown3D, DupUp3D, patchify, unpatchify.
 */
import { dims, pad, type Tensor } from "../../torch/mod.ts";
import type { ShortcutPlan } from "./layout.ts";

/**
 * Each cell of frames, rows and columns becomes channels, (C, t, y, x) with C slowest, which are averaged in groups.
 * @param x [B, in, F, H, W]; an odd number of frames is completed by a zero frame before the first, which counts
 * @returns [B, out, F / time, H / space, W / space]
 */
export function averageDown(x: Tensor, plan: ShortcutPlan): Tensor {
  const { time: t, space: s, inChannels, outChannels } = plan;
  const missing = (t - x.size(2) % t) % t;
  const whole = missing === 0 ? x : pad(x, [0, 0, 0, 0, missing, 0]);
  const { B, F, H, W } = dims(whole, "B C F H W", { C: inChannels });
  const group = inChannels * t * s * s / outChannels;
  return whole.reshape([B, inChannels, F / t, t, H / s, s, W / s, s])
    .permute([0, 1, 3, 5, 7, 2, 4, 6]) // [B, C, t, y, x, F, H, W]
    .reshape([B, outChannels, group, F / t, H / s, W / s])
    .mean([2]);
}

/**
 * The way back: channels are repeated until they fill cells of frames, rows and columns.
 * @param x [B, in, F, H, W]
 * @param options.isFirstChunk drops the frames that would stand before the video's first one
 * @returns [B, out, F · time, H · space, W · space], with 1 + (F − 1) · time frames in the first chunk
 */
export function duplicateUp(x: Tensor, options: { plan: ShortcutPlan; isFirstChunk: boolean }): Tensor {
  const { time: t, space: s, inChannels, outChannels } = options.plan;
  const { B, F, H, W } = dims(x, "B C F H W", { C: inChannels });
  const large = x.repeatInterleave(outChannels * t * s * s / inChannels, 1)
    .reshape([B, outChannels, t, s, s, F, H, W])
    .permute([0, 1, 5, 2, 6, 3, 7, 4]) // [B, C, F, t, H, y, W, x]
    .reshape([B, outChannels, F * t, H * s, W * s]);
  return options.isFirstChunk ? large.narrow(2, t - 1, F * t - (t - 1)) : large;
}

/** Patches of size × size pixels become channels (C, x, y), the column within a patch before the row. */
export function patchify(x: Tensor, size: number): Tensor {
  const { B, C, F, H, W } = dims(x, "B C F H W");
  return x.reshape([B, C, F, H / size, size, W / size, size])
    .permute([0, 1, 6, 4, 2, 3, 5]) // [B, C, x, y, F, H, W]
    .reshape([B, C * size * size, F, H / size, W / size]);
}

/** The inverse of `patchify`. */
export function unpatchify(x: Tensor, size: number): Tensor {
  const { B, D, F, H, W } = dims(x, "B D F H W");
  const C = D / (size * size);
  return x.reshape([B, C, size, size, F, H, W])
    .permute([0, 1, 4, 5, 3, 6, 2]) // [B, C, F, H, y, W, x]
    .reshape([B, C, F, H * size, W * size]);
}
