/** Whether a video can be written, told before it is made: then hours of work may hang on it. */

import { accessSync, constants, statSync } from "node:fs";
import { dirname } from "node:path";
import { DataError, DiskError, diskError, makeFolder, SetupError } from "../base/mod.ts";
import { checkRate, encoderName, type VideoCodec, videoCodec, videoForm } from "./containers.ts";
import { checkFramesFolder } from "./frames_out.ts";
import { runProgram } from "./process.ts";
import { checkFigures } from "./quality/write.ts";

/** A video that is to be written, see `writeVideo`. */
export interface Destination {
  readonly path: string;
  readonly codec?: VideoCodec | undefined;
  readonly fps: number;
}

/**
 * Refuses videos that could not be written with their figures beside them, and makes the folders that they go to.
 * @throws {ConfigError} for a name, codec or rate that does not fit
 * @throws {DiskError} if something else has the name, or the folder cannot be made or written
 * @throws {SetupError} if ffmpeg is missing or lacks the encoder
 */
export async function checkDestinations(videos: readonly Destination[]): Promise<void> {
  const encoders = await listEncoders();
  for (const { path, codec, fps } of videos) {
    const form = videoForm(path);
    checkRate(path, { form, fps });
    const encoder = encoderName(form, videoCodec(form, codec));
    if (encoder !== undefined && !encoders.has(encoder)) {
      throw new SetupError(`Cannot write "${path}": this ffmpeg lacks the encoder ${encoder}`, {
        cure: "install the distribution's ffmpeg, name another one in WANTUNE_FFMPEG, or choose another ending",
      });
    }
    makeWritable(dirname(path));
    checkFigures(path);
    if (form === "png") checkFramesFolder(path);
    else checkIsNoFolder(path);
  }
}

/** The same for a file that is no video. @throws {DiskError} */
export function checkFileDestination(path: string): void {
  makeWritable(dirname(path));
  checkIsNoFolder(path);
}

function checkIsNoFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    throw new DiskError(`Cannot write "${path}": it is a folder`, { cure: "choose another name" });
  }
}

function makeWritable(folder: string): void {
  makeFolder(folder);
  try {
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw diskError(`write into "${folder}"`, error);
  }
}

/** Names of the encoders that ffmpeg has. */
async function listEncoders(): Promise<Set<string>> {
  const { code, stdout, lines } = await runProgram("ffmpeg", ["-hide_banner", "-v", "error", "-encoders"], {});
  if (code !== 0) throw new DataError(`Cannot ask ffmpeg for its encoders: ${lines.at(-1) ?? ""}`);
  const names = new TextDecoder().decode(stdout).matchAll(/^ [VAS][A-Z.]{5} (\S+)/gm);
  return new Set(Array.from(names, ([, name = ""]) => name));
}
