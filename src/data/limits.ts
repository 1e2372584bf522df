/** Whether a file keeps to the limits of the config. */

import type { DataConfig } from "../config/mod.ts";
import type { MediaInfo } from "../media/mod.ts";
import type { Refusal } from "./codes.ts";
import type { Glance } from "./glance.ts";

/** The limits of `data.limits`. */
export type Limits = DataConfig["limits"];

/** Brightest spot of what counts as black, and largest change of a spot that counts as none, of 255. Chosen. */
const BLACK = 24;
const STILL = 2;

/** Why a file does not keep to the limits; undefined if it does. */
export function beyondLimits(info: MediaInfo, limits: Limits): Refusal | undefined {
  const beyond = beyondSize(info, limits) ?? (info.isImage ? undefined : beyondClip(info, limits));
  return beyond && { cure: "remove it, or change data.limits", ...beyond };
}

function beyondSize({ width, height }: MediaInfo, { minSide, maxSide }: Limits): Refusal | undefined {
  const shape = `${width}x${height}`;
  if (minSide !== undefined && Math.min(width, height) < minSide) {
    return { code: "too_small", reason: `its short side is too small (${shape}), the limit is ${minSide}` };
  }
  if (maxSide !== undefined && Math.max(width, height) > maxSide) {
    return { code: "too_large", reason: `its long side is too large (${shape}), the limit is ${maxSide}` };
  }
  return undefined;
}

function beyondClip(info: MediaInfo, limits: Limits): Refusal | undefined {
  const { duration, fps, timeline, container, codec } = info;
  const frames = timeline?.numFrames ?? 0;
  const { minSeconds = 0, maxSeconds = Infinity, minFrames = 0, maxFrames = Infinity } = limits;
  const { minFps = 0, maxFps = Infinity, containers, codecs } = limits;
  const seconds = `${duration.toFixed(2)} s`;
  if (duration < minSeconds) return { code: "too_short", reason: `it lasts ${seconds}, the limit is ${minSeconds} s` };
  if (duration > maxSeconds) return { code: "too_long", reason: `it lasts ${seconds}, the limit is ${maxSeconds} s` };
  if (frames < minFrames) {
    return { code: "too_few_frames", reason: `it has ${frames} frames, the limit is ${minFrames}` };
  }
  if (frames > maxFrames) return { code: "too_long", reason: `it has ${frames} frames, the limit is ${maxFrames}` };
  const rate = `its frame rate is ${Number(fps.toFixed(3))}`;
  if (fps < minFps) return { code: "odd_frame_rate", reason: `${rate}, the limit is ${minFps}` };
  if (fps > maxFps) return { code: "odd_frame_rate", reason: `${rate}, the limit is ${maxFps}` };
  const names = container.split(","); // "mov,mp4,m4a,3gp,3g2,mj2"
  if (containers !== undefined && !containers.some((name) => names.includes(name.toLowerCase()))) {
    return { code: "container", reason: `its container is ${names.join(" or ")}, allowed is ${containers.join(", ")}` };
  }
  if (codecs !== undefined && !codecs.some((name) => name.toLowerCase() === codec)) {
    return { code: "codec", reason: `its codec is ${codec}, allowed is ${codecs.join(", ")}` };
  }
  return undefined;
}

/** Whether the config wants files to be looked at before they are decoded. */
export function wantsGlance({ black, frozen, duplicates }: Limits): boolean {
  return [black, frozen, duplicates].some((what) => what !== "keep");
}

/** Why a file without content is left out; undefined if it has some, or such files are used. */
export function withoutContent(
  glance: Glance,
  { isImage, limits }: { isImage: boolean; limits: Limits },
): Refusal | undefined {
  const empty = emptyAs(glance, isImage);
  if (empty === undefined || limits[empty] !== "reject") return undefined;
  return { code: empty, reason: EMPTY[empty], cure: `remove it, or set data.limits.${empty} to "warn"` };
}

/** What to say about a file without content that is used. */
export function contentNotes(
  glance: Glance | undefined,
  { isImage, limits }: { isImage: boolean; limits: Limits },
): string[] {
  const empty = glance && emptyAs(glance, isImage);
  return empty === undefined || limits[empty] !== "warn" ? [] : [EMPTY[empty]];
}

const EMPTY = { black: "it is black throughout", frozen: "nothing moves in it" } as const;

function emptyAs({ brightest, moved }: Glance, isImage: boolean): "black" | "frozen" | undefined {
  return brightest < BLACK ? "black" : !isImage && moved <= STILL ? "frozen" : undefined;
}
