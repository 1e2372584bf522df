/**
 * Windows: which stretch of a file is shown, how fast, and how it is cut. A file gives one or more items; an item has one
 * or more variants, each of them a window, of which an epoch shows one.
 */

import { chooseFrames, type Crop } from "../media/mod.ts";
import type { Augmentation } from "./augment.ts";

/** One stretch of a file as an encoder sees it. Together with the file's content it decides over every pixel. */
export interface Window {
  /** Seconds from the file's first frame. */
  readonly start: number;
  /** Output frames. */
  readonly frames: number;
  /** Output frames a second. */
  readonly fps: number;
  /** How much faster than in reality things move: output frame k shows the time `start + k / fps * speed`. */
  readonly speed: number;
  readonly crop: Crop;
  /** Absent where nothing is changed. */
  readonly augmentation?: Augmentation;
}

/** Which frames of a file a window shows. */
export type WindowTimes = Pick<Window, "start" | "frames" | "fps" | "speed">;

/** What the dataset counts as one item. */
export interface PlannedItem {
  /** Items of one bucket can share a batch: `832x480x49`. */
  readonly bucket: string;
  /** At least one; all of the bucket's size. */
  readonly variants: readonly Window[];
}

/** Shortest clip in frames, unless fewer are wanted: two latent frames, so that there is motion to learn. Chosen. */
export const MIN_CLIP_FRAMES = 5;

/** Seconds of the file that a window stands for. */
export function windowSeconds({ frames, fps, speed }: WindowTimes): number {
  return frames / fps * speed;
}

/**
 * The lengths that clips may have: multiples of `stride` plus one, up to the one wanted.
 * @returns ascending
 */
export function listFrameCounts({ wanted, stride }: { wanted: number; stride: number }): number[] {
  const counts: number[] = [];
  for (let frames = wanted; frames >= Math.min(wanted, MIN_CLIP_FRAMES); frames -= stride) counts.unshift(frames);
  return counts;
}

/** The longest of the lengths that fits into `available` frames; 0 if none does. */
export function usableFrames(available: number, frameCounts: readonly number[]): number {
  return frameCounts.findLast((frames) => frames <= available) ?? 0;
}

/** Seconds of a file of `duration` that some windows show, those shown several times counted once. */
export function coveredSeconds(windows: readonly WindowTimes[], duration: number): number {
  const spans = windows.map((window) => {
    return { start: window.start, end: Math.min(duration, window.start + windowSeconds(window)) };
  });
  let covered = 0;
  let until = -Infinity;
  for (const { start, end } of spans.sort((a, b) => a.start - b.start)) {
    covered += Math.max(0, end - Math.max(start, until));
    until = Math.max(until, end);
  }
  return covered;
}

/** What is odd about the timing of a window: held frames, gaps. */
export function timingNotes(times: readonly number[], { start, frames, fps, speed }: WindowTimes): string[] {
  if (frames < 2) return [];
  const chosen = chooseFrames(times, { fps: fps / speed, numFrames: frames, start });
  let longest = 1;
  let run = 1;
  let distinct = 1; // they ascend
  for (let k = 1; k < chosen.length; k++) {
    run = chosen[k] === chosen[k - 1] ? run + 1 : 1;
    longest = Math.max(longest, run);
    if (run === 1) distinct++;
  }
  if (longest / fps > 1) {
    return [`one of its frames stands still for ${(longest / fps).toFixed(1)} s (a gap in its timestamps)`];
  }
  if (distinct <= 0.6 * frames) {
    return [`its frame rate is far below ${fps} fps: ${distinct} pictures for ${frames} frames`];
  }
  return [];
}
