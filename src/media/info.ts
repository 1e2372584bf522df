/** What is known about a media file. */

import { messageOf } from "../base/mod.ts";
import type { Orientation } from "./picture.ts";
import { FileProblem } from "./problem.ts";
import type { Timeline } from "./timeline.ts";
import type { Ratio } from "./times.ts";

/** Facts about a clip or a still picture. */
export interface MediaInfo {
  readonly path: string;
  /** A still picture, by content (JPEG, PNG, WebP). */
  readonly isImage: boolean;
  /** The container's name in ffmpeg, such as `mov,mp4,m4a,3gp,3g2,mj2`, the demuxer of a still, or `webp` where it is animated. */
  readonly container: string;
  readonly codec: string;
  readonly pixelFormat: string;
  /** As stored. */
  readonly codedWidth: number;
  readonly codedHeight: number;
  /** As shown: after orientation, with square pixels. */
  readonly width: number;
  readonly height: number;
  readonly orientation: Orientation;
  /** Frames per second on average; 0 for a still. */
  readonly fps: number;
  /** The frame rate that the container states, exact; the grid on which coarse timestamps are put back. */
  readonly statedRate: Ratio | undefined;
  /** Seconds that one tick of the timestamps lasts; 0 for a still. */
  readonly tick: number;
  /** Length of the video in seconds, to the end of the last frame; 0 for a still. */
  readonly duration: number;
  /** Length in seconds that the header promises for the video; as `duration` where it promises nothing. */
  readonly statedDuration: number;
  /** When its frames are shown; undefined if not asked for. */
  readonly timeline: Timeline | undefined;
  /** Index of the video stream that is used: the default one, else the first. */
  readonly streamIndex: number;
  readonly numVideoStreams: number;
  readonly hasAudio: boolean;
  readonly hasAlpha: boolean;
  readonly interlaced: boolean;
  /** Marked as HDR (PQ or HLG transfer). */
  readonly hdr: boolean;
  /** Frames of an animated WebP that state no duration; absent if all do. */
  readonly numUntimed?: number;
}

/** Pictures and frames with more pixels are refused from the header. Chosen: above the largest phone cameras. */
export const MAX_PIXELS = 2 ** 27;

/** Refuses sizes that cannot be meant. @throws {FileProblem} if there are more than `most` */
export function checkPixels(
  path: string,
  { width, height }: { width: number; height: number },
  most: number = MAX_PIXELS,
): void {
  if (width * height <= most) return;
  throw new FileProblem(path, {
    attempt: "read",
    code: "too_large",
    fact: `it has ${width}x${height} pixels, more than the ${Math.floor(most / 1e6)} million that are read`,
    cure: "make it smaller",
  });
}

/** Whether a pixel format has an alpha plane, by its name in ffmpeg. */
export function hasAlpha(pixelFormat: string): boolean {
  return /^(yuva|rgba|bgra|argb|abgr|gbrap|ya\d|pal8|ayuv)/.test(pixelFormat);
}

/** Runs a file operation and explains why it failed. */
export function openOrExplain<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof FileProblem) throw error;
    const missing = error instanceof Deno.errors.NotFound;
    const denied = error instanceof Deno.errors.PermissionDenied;
    throw new FileProblem(path, {
      attempt: "read",
      code: missing ? "vanished" : denied ? "permission" : "unreadable",
      fact: missing ? "it does not exist" : denied ? "there is no permission to read it" : messageOf(error),
      cure: denied ? "make it readable" : undefined,
      cause: error,
    });
  }
}
