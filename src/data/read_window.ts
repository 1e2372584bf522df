/** From a file and a window to pixels: of the clip itself, of the picture that it begins with, of its mask. */

import { basename } from "node:path";
import {
  coverCrop,
  type Crop,
  type DecodedFrames,
  decodeFrames,
  FileProblem,
  type MediaInfo,
  probe,
  quoteName,
  type Size,
} from "../media/mod.ts";
import type { Companion } from "./companions.ts";
import type { PlannedFile, PlannedWindow } from "./plan.ts";
import type { Window } from "./window.ts";

interface Stop {
  readonly signal?: AbortSignal | undefined;
}

/** Shapes whose ratios differ by less are taken for one, so that a picture is cut as its clip is. Chosen. */
const SAME_SHAPE = 0.01;

/** What is encoded into a window's entry of its kind, before colours change. @throws as `decodeFrames` */
export async function readPlanned({ planned, window, kind }: PlannedWindow, stop: Stop): Promise<DecodedFrames> {
  const { info, image, mask } = planned;
  if (kind === "mask" && mask !== undefined) {
    return await asItsProblem(planned, { what: "mask", companion: mask }, () => readMask(mask.path, window, stop));
  }
  if (kind !== "condition") return await readWindow(info, window, stop);
  if (image === undefined) return await readWindow(info, firstFrame(window), stop);
  return await asItsProblem(planned, { what: "picture", companion: image }, async () => {
    const picture = await probe(image.path, stop);
    return await readWindow(
      picture,
      { ...firstFrame(window), start: 0, crop: pictureCrop(picture, window.crop) },
      stop,
    );
  });
}

/**
 * The frames of a window as the encoder sees them but for their colours, which change in float: see `changeColors`.
 * @throws as `decodeFrames`
 */
export async function readWindow(
  source: string | MediaInfo,
  window: Window,
  { signal }: Stop = {},
): Promise<DecodedFrames> {
  const { crop, fps, speed, start, frames: numFrames, augmentation } = window;
  const { width, height } = crop;
  const flip = augmentation?.flip;
  const frames = await decodeFrames(source, { width, height, crop, fps: fps / speed, start, numFrames, flip, signal });
  return holdFrames(frames, augmentation?.held ?? []);
}

/** A mask under its clip's window: scaled to the clip's size, cut and timed as the clip is; a still as one frame. */
async function readMask(path: string, window: Window, stop: Stop): Promise<DecodedFrames> {
  const info = await probe(path, stop);
  return await readWindow(info, info.isImage ? { ...firstFrame(window), start: 0 } : window, stop);
}

function firstFrame({ augmentation, ...window }: Window): Window {
  return {
    ...window,
    frames: 1,
    ...(augmentation === undefined ? {} : { augmentation: { ...augmentation, held: [] } }),
  };
}

/** A picture of the clip's shape is cut as the clip is, another one in its middle. */
function pictureCrop(picture: Size, crop: Crop): Crop {
  const off = Math.log((picture.width / picture.height) / (crop.scaledWidth / crop.scaledHeight));
  return Math.abs(off) < SAME_SHAPE ? crop : coverCrop(picture, crop);
}

/** Shows the frame before instead of each of those named. */
function holdFrames(frames: DecodedFrames, held: readonly number[]): DecodedFrames {
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

/** What is wrong with a companion is wrong with its clip. */
async function asItsProblem<T>(
  { file }: PlannedFile,
  { what, companion }: { what: string; companion: Companion },
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof FileProblem)) throw error;
    const fact = `its ${what} ${quoteName(basename(companion.path))}: ${error.fact}`;
    throw new FileProblem(file.path, { attempt: "use", fact, code: error.code, cure: error.cure, cause: error });
  }
}
