/** Masks at the size of latents. */

import { cat, dims, type Tensor, tidy } from "../torch/mod.ts";

/** What a latent cell stands for. */
export interface LatentStrides {
  /** Pixels along either side. */
  readonly spatialStride: number;
  /** Frames, after the first one, which has latents of its own. */
  readonly temporalStride: number;
}

/**
 * What each latent counts: the mean brightness of the pixels behind it, in time as the VAE takes them, the first frame
 * alone, then fours.
 * @param frames [1, 3, F, H, W] in [-1, 1]; one frame stands for all
 * @param options.numFrames of the window
 * @returns [1, 1, T, h, w] float32 from 0 (black) to 1 (white)
 */
export function maskToLatents(frames: Tensor, options: LatentStrides & { readonly numFrames: number }): Tensor {
  const { spatialStride: s, temporalStride: t, numFrames } = options;
  const { F, H, W } = dims(frames, "1 3 F H W");
  const [T, h, w] = [(numFrames - 1) / t + 1, H / s, W / s];
  return tidy(() => {
    const cells = frames.mean([1]).add(1).mul(0.5).reshape([F, h, s, w, s]).mean([2, 4]); // [F, h, w]
    if (F === 1) return cells.reshape([1, 1, 1, h, w]).expand([1, 1, T, h, w]).contiguous();
    const rest = cells.narrow(0, 1, F - 1).reshape([T - 1, t, h, w]).mean([1]);
    return cat([cells.narrow(0, 0, 1), rest], 0).reshape([1, 1, T, h, w]);
  });
}
