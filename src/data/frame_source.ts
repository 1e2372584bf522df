/** Decoded frames as an encoder wants them: made as it asks for them, as all at once take four times the room of the bytes. */

import type { Frames } from "../media/mod.ts";
import { empty, fromBytes, type Tensor, tidy } from "../torch/mod.ts";
import type { ColorChange } from "./augment.ts";
import { changeColors } from "./color.ts";

/** A video whose frames are made as they are needed. */
export interface FrameSource {
  /** [1, 3, F, H, W] */
  readonly shape: readonly number[];
  /**
   * Frames [1, 3, length, H, W] float32 in [-1, 1] from `start` on; the caller frees them. May be asked for again, as long as
   * the pixels behind them are there.
   */
  frames(start: number, length: number): Tensor;
}

/**
 * A video of bytes; 0 becomes -1 and 255 becomes 1.
 * @param color what is changed in their colours
 */
export function frameSource({ pixels, numFrames, height, width }: Frames, color?: ColorChange): FrameSource {
  const frameBytes = height * width * 3;
  return {
    shape: [1, 3, numFrames, height, width],
    frames: (start, length) =>
      tidy(() => {
        const some = pixels.subarray(start * frameBytes, (start + length) * frameBytes);
        const bytes = fromBytes(some, { shape: [length, height, width, 3], dtype: "uint8" });
        const planes = empty([1, 3, length, height, width], { dtype: "float32" });
        planes.copy_(bytes.permute([3, 0, 1, 2]).unsqueeze(0)); // other order and type in one pass
        planes.mul_(2 / 255);
        planes.add_(-1);
        return color === undefined ? planes : changeColors(planes, color);
      }),
  };
}
