/** What becomes of one file: used, with the frames, crop and bucket that will be used; or rejected, with the cure. */

import { canonicalJson } from "../base/mod.ts";
import type { DataConfig } from "../config/mod.ts";
import { type Crop, frameTimes, isAnimation, keyTimes, type MediaInfo, type SceneFacts } from "../media/mod.ts";
import { augments, augmentWindow } from "./augment.ts";
import { type Buckets, type FitLimits, fitToBuckets } from "./bucket.ts";
import type { Refusal } from "./codes.ts";
import { beyondLimits, type Limits } from "./limits.ts";
import { chooseWindows, type WindowSettings } from "./strategies.ts";
import { MIN_CLIP_FRAMES, type PlannedItem, timingNotes, type WindowTimes } from "./window.ts";

/** Everything that decides over a file, apart from the file. */
export interface PlanSettings extends WindowSettings {
  /** Both sides of every bucket are multiples of this. */
  readonly divisor: number;
  /** For each resolution, the largest first. */
  readonly buckets: readonly Buckets[];
  readonly fit: FitLimits;
  readonly limits: Limits;
  readonly augment: DataConfig["augment"];
}

/** What decides over a file besides its facts and the settings. */
export interface PlanInputs {
  /** What the file's ending says. */
  readonly kind: "clip" | "still";
  readonly settings: PlanSettings;
  /** SHA-256 of the file, from which follows what is drawn. */
  readonly content: string;
  /** Needed for the strategy `scene`. */
  readonly scenes?: SceneFacts;
}

/** The decision over one file. */
export type Plan =
  | {
    readonly status: "used";
    /** At least one. */
    readonly items: readonly PlannedItem[];
    readonly notes: readonly string[];
  }
  | { readonly status: "rejected" } & Refusal;

const ONE_SHOT: SceneFacts = { cuts: [], black: [] };

/** A header may promise this much more than there is: share and seconds. */
const CUT_OFF = { share: 0.95, seconds: 0.1 };

/** Decides over a file. */
export function planItem(info: MediaInfo, { kind, settings, content, scenes = ONE_SHOT }: PlanInputs): Plan {
  const unfit = wrongKind(info, kind) ?? unreadable(info) ?? beyondLimits(info, settings.limits);
  if (unfit !== undefined) return { status: "rejected", ...unfit };
  const seed = BigInt(`0x${content.slice(0, 15)}`);
  const chosen = info.isImage ? stillTimes(settings) : clipWindows(info, { settings, scenes, seed });
  if (chosen.length === 0) return { status: "rejected", ...tooShort(info, settings) };
  const fit = fitToBuckets(info, { buckets: settings.buckets, limits: settings.fit });
  if ("reason" in fit) return { status: "rejected", ...fit };
  const items = fit.crops.flatMap((crop) =>
    chosen.map((variants, item) => planVariants(variants, { crop, settings, seed, item }))
  );
  return { status: "used", items, notes: [...fit.notes, ...notesOn(info, chosen.flat())] };
}

/** The one frame of a still, as often as it has variants. */
function stillTimes({ fps }: PlanSettings): WindowTimes[][] {
  return [[{ start: 0, frames: 1, fps, speed: 1 }]];
}

function clipWindows(
  { duration, timeline }: MediaInfo,
  { settings, scenes, seed }: { settings: PlanSettings; scenes: SceneFacts; seed: bigint },
): WindowTimes[][] {
  const clip = {
    duration,
    scenes,
    seed,
    // few strategies ask for these
    get lastFrame(): number {
      return timeline === undefined ? duration : frameTimes(timeline).at(-1) ?? 0;
    },
    get keys(): readonly number[] {
      return timeline === undefined ? [0] : keyTimes(timeline);
    },
  };
  return chooseWindows(clip, settings);
}

/** An item's variants: as many as the strategy gave, or as there are augmentations of its one window. */
function planVariants(
  times: readonly WindowTimes[],
  { crop, settings, seed, item }: { crop: Crop; settings: PlanSettings; seed: bigint; item: number },
): PlannedItem {
  const { augment } = settings;
  const numVariants = Math.max(times.length, augments(augment) ? settings.variants : 1);
  const windows = Array.from({ length: numVariants }, (_, variant) => {
    const window = { ...(times[variant % times.length] ?? { start: 0, frames: 1, fps: settings.fps, speed: 1 }), crop };
    return augmentWindow(window, { augment, place: { seed, item, variant, numVariants } });
  });
  const distinct = windows.length === 1
    ? windows
    : [...new Map(windows.map((window) => [canonicalJson(window), window])).values()];
  return { bucket: `${crop.width}x${crop.height}x${times[0]?.frames ?? 1}`, variants: distinct };
}

function wrongKind(info: MediaInfo, kind: "clip" | "still"): Refusal | undefined {
  if (kind === "clip" && info.isImage) {
    return {
      code: "still_image_as_video",
      reason: "it is a still picture with the ending of a clip",
      cure: `rename it to end in .${stillEnding(info)}`,
    };
  }
  if (kind === "still" && !info.isImage && !isAnimation(info)) {
    return {
      code: "wrong_extension",
      reason: "it is a video with the ending of a picture",
      cure: "rename it to end in .mp4",
    };
  }
  return undefined;
}

function stillEnding(info: MediaInfo): string {
  return info.container.startsWith("jpeg") ? "jpg" : info.container.replace("_pipe", "");
}

function unreadable(info: MediaInfo): Refusal | undefined {
  if (info.hdr) {
    return {
      code: "hdr",
      reason: "it is marked as HDR (PQ or HLG), which needs tone mapping",
      cure: "convert it to SDR (BT.709) first",
    };
  }
  const { duration, statedDuration } = info;
  if (duration < statedDuration * CUT_OFF.share && statedDuration - duration > CUT_OFF.seconds) {
    return {
      code: "truncated",
      reason: `it is cut off: ${duration.toFixed(2)} of ${statedDuration.toFixed(2)} s are there`,
      cure: "replace it with a whole copy, or re-encode it to keep the part that is there",
    };
  }
  return undefined;
}

function tooShort(info: MediaInfo, settings: PlanSettings): Refusal {
  const least = settings.frameCounts[0] ?? MIN_CLIP_FRAMES;
  const has = `${info.timeline?.numFrames ?? 0} frames in ${info.duration.toFixed(3)} s`;
  return {
    code: "too_few_frames",
    reason: `it is too short: ${has}, at least ${least} at ${settings.fps} fps are needed`,
    cure: "use a longer clip, or save a frame of it as a picture",
  };
}

function notesOn(info: MediaInfo, windows: readonly WindowTimes[]): string[] {
  const times = info.timeline === undefined ? [] : frameTimes(info.timeline);
  return [
    ...(info.interlaced ? ["it is interlaced; its fields are merged"] : []),
    ...(info.hasAlpha && info.isImage ? ["its transparent parts become black"] : []),
    ...(info.numUntimed === undefined
      ? []
      : [`${info.numUntimed} of its frames state no duration (10 ms or less); each is taken to last 100 ms`]),
    ...(info.numVideoStreams > 1
      ? [`it has ${info.numVideoStreams} video streams; number ${info.streamIndex} is used`]
      : []),
    ...new Set(windows.flatMap((window) => timingNotes(times, window))),
  ];
}
