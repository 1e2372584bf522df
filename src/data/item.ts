/** What becomes of one file: used, with the frames, crop and bucket that will be used; or rejected, with the cure. */

import { countFrames, frameTimes, type MediaInfo, type Size } from "../media/mod.ts";
import { type BucketOptions, fitToBucket } from "./bucket.ts";
import type { Refusal } from "./codes.ts";
import { MIN_CLIP_FRAMES, type PlannedItem, timingNotes, usableFrames, type Window } from "./window.ts";

/** Everything that decides over a file, apart from the file. */
export interface PlanSettings extends BucketOptions {
  readonly buckets: readonly Size[];
  /** Lengths in frames that a window of a clip may have, ascending; a still has one frame. */
  readonly frameCounts: readonly number[];
  readonly fps: number;
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

/** A header may promise this much more than there is: share and seconds. */
const CUT_OFF = { share: 0.95, seconds: 0.1 };

/**
 * Decides over a file.
 * @param kind what the file's ending says
 */
export function planItem(
  info: MediaInfo,
  { kind, settings }: { kind: "clip" | "still"; settings: PlanSettings },
): Plan {
  const unfit = wrongKind(info, kind) ?? unreadable(info);
  if (unfit !== undefined) return { status: "rejected", ...unfit };
  const { fps, frameCounts } = settings;
  const frames = info.isImage ? 1 : usableFrames(countFrames(info.duration, { fps }), frameCounts);
  if (frames === 0) return { status: "rejected", ...tooShort(info, settings) };
  const fit = fitToBucket(info, settings);
  if ("reason" in fit) return { status: "rejected", ...fit };
  const { crop } = fit;
  const window = { start: 0, frames, fps, speed: 1, crop };
  const bucket = `${crop.width}x${crop.height}x${frames}`;
  return { status: "used", items: [{ bucket, variants: [window] }], notes: notesOn(info, window) };
}

function wrongKind(info: MediaInfo, kind: "clip" | "still"): Refusal | undefined {
  if (kind === "clip" && info.isImage) {
    return {
      code: "still_image_as_video",
      reason: "it is a still picture with the ending of a clip",
      cure: `rename it to end in .${stillEnding(info)}`,
    };
  }
  if (kind === "still" && !info.isImage) {
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

function notesOn(info: MediaInfo, window: Window): string[] {
  return [
    ...(info.interlaced ? ["it is interlaced; its fields are merged"] : []),
    ...(info.hasAlpha && info.isImage ? ["its transparent parts become black"] : []),
    ...(info.numVideoStreams > 1
      ? [`it has ${info.numVideoStreams} video streams; number ${info.streamIndex} is used`]
      : []),
    ...timingNotes(info.timeline === undefined ? [] : frameTimes(info.timeline), window),
  ];
}
