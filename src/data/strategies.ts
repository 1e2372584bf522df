/**
 * Which windows of a clip are shown. All strategies but `uniform` keep the real speed.
 *
 * The default is `chunks`: of all that keep the speed it leaves the least of a clip unseen, see specs/data.md.
 */

import { random, seedFor } from "../base/mod.ts";
import type { DataConfig } from "../config/mod.ts";
import { countFrames, type SceneFacts } from "../media/mod.ts";
import { usableFrames, type WindowTimes } from "./window.ts";

/** What decides over the windows, apart from the clip. */
export interface WindowSettings {
  readonly fps: number;
  /** Lengths in frames that a window may have, ascending. */
  readonly frameCounts: readonly number[];
  readonly frames: DataConfig["frames"];
  /** How many variants an item with something drawn has. */
  readonly variants: number;
}

/** What the windows of a clip follow from; times in seconds from its first frame. */
export interface ClipTimes {
  /** The end of the last frame. */
  readonly duration: number;
  /** When the last frame is shown. */
  readonly lastFrame: number;
  /** Frames that can be decoded by themselves. */
  readonly keys: readonly number[];
  /** Cuts and black stretches. */
  readonly scenes: SceneFacts;
  /** What draws follow from: the clip's content, so that a clip gives the same windows in every run. */
  readonly seed: bigint;
}

/** A stretch of a clip, in seconds. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** `chunks` leaves a rest at the end alone if it is shorter than this share of a window. Chosen. */
const REST = 1 / 4;

/**
 * The windows of a clip.
 * @returns for each item its variants; no item if the clip is too short
 */
export function chooseWindows(clip: ClipTimes, settings: WindowSettings): WindowTimes[][] {
  const { strategy, maxWindows = Infinity } = settings.frames;
  const whole = { start: 0, end: clip.duration };
  switch (strategy) {
    case "head":
      return cover(whole, settings).slice(0, 1).map((window) => [{ ...window, start: 0 }]);
    case "uniform":
      return spreadFrames(clip, settings);
    case "random":
      return anywhere(clip, settings);
    case "chunks":
      return alone(evenly(cover(whole, settings), maxWindows));
    case "slide":
      return alone(evenly(slide(whole, settings), maxWindows));
    case "keyframe":
      return alone(evenly(atKeys(clip, settings), maxWindows));
    case "scene":
      return alone(evenly(shots(clip).flatMap((shot) => cover(shot, settings)), maxWindows));
  }
}

/** As few windows of the longest length as cover a span, their starts spread evenly from its beginning. */
function cover({ start, end }: Span, { fps, frameCounts }: WindowSettings): WindowTimes[] {
  const available = countFrames(end - start, { fps });
  const frames = usableFrames(available, frameCounts);
  if (frames === 0) return [];
  const count = Math.max(1, Math.ceil((available - Math.floor(frames * REST)) / frames));
  const step = count === 1 ? 0 : (available - frames) / (count - 1);
  return Array.from(
    { length: count },
    (_, n) => ({ start: start + Math.round(n * step) / fps, frames, fps, speed: 1 }),
  );
}

/** A window every `stride` frames, as long as there are frames for it. */
function slide({ start, end }: Span, { fps, frameCounts, frames: { stride } }: WindowSettings): WindowTimes[] {
  const available = countFrames(end - start, { fps });
  const frames = usableFrames(available, frameCounts);
  if (frames === 0) return [];
  const step = stride === "auto" ? Math.ceil(frames / 2) : stride;
  const count = 1 + Math.floor((available - frames) / step);
  return Array.from({ length: count }, (_, n) => ({ start: start + n * step / fps, frames, fps, speed: 1 }));
}

/** A window at each key frame that does not lie in the window before and has enough frames behind it. */
function atKeys({ duration, keys }: ClipTimes, { fps, frameCounts }: WindowSettings): WindowTimes[] {
  const frames = usableFrames(countFrames(duration, { fps }), frameCounts);
  const windows: WindowTimes[] = [];
  let free = 0;
  for (const start of frames === 0 ? [] : keys) {
    if (start < free || countFrames(duration, { fps, start }) < frames) continue;
    windows.push({ start, frames, fps, speed: 1 });
    free = start + frames / fps;
  }
  return windows;
}

/** The stretches between cuts, without what is black. */
function shots({ duration, scenes: { cuts, black } }: ClipTimes): Span[] {
  const borders = [0, ...cuts, ...black.flat(), duration].sort((a, b) => a - b);
  return borders.flatMap((end, n) => {
    const start = borders[n - 1];
    const dark = start !== undefined && black.some(([from, to]) => from <= start && end <= to);
    return start === undefined || start === end || dark ? [] : [{ start, end }];
  });
}

/** Windows of real speed that begin anywhere, one in each of as many equal parts as there are variants. */
function anywhere({ duration, seed }: ClipTimes, { fps, frameCounts, variants }: WindowSettings): WindowTimes[][] {
  const available = countFrames(duration, { fps });
  const frames = usableFrames(available, frameCounts);
  if (frames === 0) return [];
  const numStarts = available - frames + 1;
  return [Array.from({ length: variants }, (_, variant) => {
    const place = (variant + random(seedFor(seed, "data.window", variant)).next()) / variants;
    return { start: Math.floor(place * numStarts) / fps, frames, fps, speed: 1 };
  })];
}

/** One window whose frames are spread from the first frame of the clip to its last. */
function spreadFrames({ duration, lastFrame }: ClipTimes, { fps, frameCounts }: WindowSettings): WindowTimes[][] {
  const frames = usableFrames(countFrames(duration, { fps }), frameCounts);
  if (frames === 0) return [];
  const speed = frames === 1 || lastFrame === 0 ? 1 : lastFrame * fps / (frames - 1);
  return [[{ start: 0, frames, fps, speed }]];
}

function alone(windows: readonly WindowTimes[]): WindowTimes[][] {
  return windows.map((window) => [window]);
}

/** At most `most` of some items, spread evenly over them. */
function evenly<T>(items: readonly T[], most: number): readonly T[] {
  if (items.length <= most) return items;
  const step = most === 1 ? 0 : (items.length - 1) / (most - 1);
  return Array.from({ length: most }, (_, n) => items[Math.round(n * step)]).filter((item) => item !== undefined);
}
