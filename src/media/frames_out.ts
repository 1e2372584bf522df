/** Frames to a folder of PNG pictures, without loss. */

import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DiskError, diskError, makeFolder, syncFolder, writeAtomically } from "../base/mod.ts";
import type { Size } from "./crop.ts";
import { writePng } from "./png.ts";

/** The file beside the pictures that holds the comment. */
export const COMMENT_FILE = "comment.json";
const OURS = /^(frame-\d{5,}\.png|comment\.json)$/;

/** Refuses what frames may not take the place of. @throws {DiskError} if it is a file, or a folder with something else */
export function checkFramesFolder(folder: string): void {
  const found = statSync(folder, { throwIfNoEntry: false });
  const foreign = found?.isDirectory() === true ? readdirSync(folder).find((name) => !OURS.test(name)) : undefined;
  if (found === undefined || (found.isDirectory() && foreign === undefined)) return;
  const fact = foreign === undefined ? "it is a file" : `it holds something else, "${foreign}"`;
  throw new DiskError(`Cannot write frames to "${folder}": ${fact}`, {
    cure: "choose a new folder, or a name that ends in .mp4, .webm or .gif",
  });
}

/**
 * Writes `frame-00000.png` and on. The folder appears whole or not at all; one with such frames alone is replaced.
 * @param frames [F, H, W, 3], 0 to 255
 * @throws {DiskError} if the disk refuses, or the folder is a file or holds something else
 */
export function writeFrames(
  folder: string,
  frames: Uint8Array,
  options: Size & { comment?: string | undefined },
): void {
  const { width, height, comment } = options;
  const frameBytes = width * height * 3;
  const parent = dirname(folder);
  makeFolder(parent);
  checkFramesFolder(folder);
  const temporary = join(parent, `.${basename(folder).slice(0, 40)}.${Deno.pid}-${randomBytes(4).toString("hex")}.tmp`);
  try {
    Deno.mkdirSync(temporary);
    for (let at = 0, k = 0; at < frames.length; at += frameBytes, k++) {
      const path = join(temporary, `frame-${String(k).padStart(5, "0")}.png`);
      writePng(path, frames.subarray(at, at + frameBytes), { width, height });
    }
    if (comment !== undefined) writeAtomically(join(temporary, COMMENT_FILE), comment);
    if (existsSync(folder)) Deno.removeSync(folder, { recursive: true });
    Deno.renameSync(temporary, folder);
    syncFolder(parent);
  } catch (error) {
    if (existsSync(temporary)) Deno.removeSync(temporary, { recursive: true });
    throw error instanceof Error && "code" in error ? diskError(`write "${folder}"`, error) : error;
  }
}
