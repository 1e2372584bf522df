/** A video's figures as a file beside it. */

import { existsSync, readFileSync } from "node:fs";
import { DiskError, writeAtomically } from "../../base/mod.ts";
import { describeVideo } from "./figures.ts";
import type { FrameSize } from "./luma.ts";

/** The file with a video's figures: `sample.mp4` has `sample.mp4.json`. */
export function figuresPath(video: string): string {
  return `${video}.json`;
}

/** Refuses to put figures in the place of what is none. @throws {DiskError} if a file that holds no figures has their name */
export function checkFigures(video: string): void {
  const path = figuresPath(video);
  if (!existsSync(path) || holdsFigures(path)) return;
  throw new DiskError(`Cannot write a video's figures to "${path}": something else has that name`, {
    cure: "move it away, or give the video another name",
  });
}

function holdsFigures(path: string): boolean {
  try {
    const content: unknown = JSON.parse(readFileSync(path, "utf8"));
    return typeof content === "object" && content !== null && "quality" in content;
  } catch {
    return false; // a folder, or no JSON
  }
}

/**
 * Writes the figures of a video beside it.
 * @param video its path
 * @param pixels [F, H, W, 3], 0 to 255
 * @returns the path written
 * @throws {DiskError} if the disk refuses, or something that is no figures has their name
 */
export function writeFigures(video: string, pixels: Uint8Array, size: FrameSize): string {
  checkFigures(video);
  const path = figuresPath(video);
  const figures = Object.entries(describeVideo(pixels, { width: size.width, height: size.height }));
  const rounded = figures.map(([name, value]) => [name, value === null ? null : Number(value.toPrecision(6))]);
  writeAtomically(path, `${JSON.stringify({ quality: Object.fromEntries(rounded) }, null, 2)}\n`);
  return path;
}
