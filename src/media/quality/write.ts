/** A video's figures as a file beside it. */

import { writeAtomically } from "../../base/mod.ts";
import { describeVideo } from "./figures.ts";
import type { FrameSize } from "./luma.ts";

/** The file with a video's figures: `sample.mp4` has `sample.json`. */
export function figuresPath(video: string): string {
  return `${video.replace(/\.\w+$/, "")}.json`;
}

/**
 * Writes the figures of a video beside it.
 * @param video its path
 * @param pixels [F, H, W, 3], 0 to 255
 * @returns the path written
 * @throws {DiskError} if the disk refuses
 */
export function writeFigures(video: string, pixels: Uint8Array, size: FrameSize): string {
  const path = figuresPath(video);
  const figures = Object.entries(describeVideo(pixels, { width: size.width, height: size.height }));
  const rounded = figures.map(([name, value]) => [name, value === null ? null : Number(value.toPrecision(6))]);
  writeAtomically(path, `${JSON.stringify({ quality: Object.fromEntries(rounded) }, null, 2)}\n`);
  return path;
}
