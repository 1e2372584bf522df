/** Which stretch of a clip is used: its first frames, as many as wanted, else as many as the model's lengths allow. */

import { chooseFrames, countFrames } from "../media/mod.ts";

/** The stretch of a clip that is used. */
export interface Stretch {
  /** Seconds from the first frame. */
  readonly start: number;
  /** Frames at `fps`; a multiple of the temporal stride plus one. */
  readonly frames: number;
  readonly fps: number;
  /** Seconds that these frames stand for. */
  readonly seconds: number;
}

/** Shortest clip in frames, unless fewer are wanted: two latent frames, so that there is motion to learn. Chosen. */
export const MIN_CLIP_FRAMES = 5;

/**
 * The longest usable length within `available` frames.
 * @returns a multiple of `stride` plus one, at most `wanted`; 0 if not even that of one latent step more than a still
 */
export function usableFrames(available: number, { wanted, stride }: { wanted: number; stride: number }): number {
  const most = Math.min(available, wanted);
  if (most < 1) return 0;
  const frames = Math.floor((most - 1) / stride) * stride + 1;
  return frames >= Math.min(wanted, MIN_CLIP_FRAMES) ? frames : 0;
}

/** The head of a clip at `fps`; undefined if it is too short. */
export function chooseStretch(
  duration: number,
  { fps, wanted, stride }: { fps: number; wanted: number; stride: number },
): Stretch | undefined {
  const frames = usableFrames(countFrames(duration, { fps }), { wanted, stride });
  return frames === 0 ? undefined : { start: 0, frames, fps, seconds: frames / fps };
}

/** What is odd about the timing of a stretch: held frames, gaps. */
export function timingNotes(times: readonly number[], stretch: Stretch): string[] {
  if (stretch.frames < 2) return [];
  const chosen = chooseFrames(times, { fps: stretch.fps, numFrames: stretch.frames, start: stretch.start });
  let longest = 1;
  let run = 1;
  for (let k = 1; k < chosen.length; k++) {
    run = chosen[k] === chosen[k - 1] ? run + 1 : 1;
    longest = Math.max(longest, run);
  }
  const distinct = new Set(chosen).size;
  if (longest / stretch.fps > 1) {
    return [`one of its frames stands still for ${(longest / stretch.fps).toFixed(1)} s (a gap in its timestamps)`];
  }
  if (distinct <= 0.6 * stretch.frames) {
    return [`its frame rate is far below ${stretch.fps} fps: ${distinct} pictures for ${stretch.frames} frames`];
  }
  return [];
}
