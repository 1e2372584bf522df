/** From a file and a window to pixels. */

import { type Frames, type MediaInfo, readFrames } from "../media/mod.ts";
import type { Window } from "./window.ts";

/**
 * The frames of a window as the encoder sees them but for their colours, which change in float: see `changeColors`.
 * @throws as `readFrames`
 */
export async function readWindow(
  source: string | MediaInfo,
  window: Window,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<Frames> {
  const { crop, fps, speed, start, frames: numFrames, augmentation } = window;
  const { width, height } = crop;
  const flip = augmentation?.flip;
  const frames = await readFrames(source, { width, height, crop, fps: fps / speed, start, numFrames, flip, signal });
  return holdFrames(frames, augmentation?.held ?? []);
}

/** Shows the frame before instead of each of those named. */
function holdFrames(frames: Frames, held: readonly number[]): Frames {
  if (held.length === 0) return frames;
  const { pixels, numFrames } = frames;
  const size = pixels.length / numFrames;
  const sourceTimes = [...frames.sourceTimes];
  for (const k of held) {
    pixels.copyWithin(k * size, (k - 1) * size, k * size);
    sourceTimes[k] = sourceTimes[k - 1] ?? 0;
  }
  return { ...frames, sourceTimes };
}
