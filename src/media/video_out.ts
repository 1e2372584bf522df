/** Frames to an MP4 that every player shows: H.264, 4:2:0, BT.709, high quality. */

import { randomBytes } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { DataError, DiskError, diskError, makeFolder, SetupError, syncFolder } from "../base/mod.ts";
import { fileUrl, lastUsefulLine, runProgram } from "./process.ts";
import type { Size } from "./crop.ts";

/** How frames are written. */
export interface WriteVideoOptions extends Size {
  readonly fps: number;
  /** Text kept in the file's comment, such as prompt and seed. */
  readonly comment?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Constant quality of x264, 0 to 51; at 12 the loss lies below what can be seen. Chosen. */
const QUALITY = "12";
const IDLE_SECONDS = 120;

/**
 * Writes an MP4. It appears whole under its name or not at all; a file of that name is replaced. Odd sides are padded by
 * one pixel, as 4:2:0 needs even ones. The same frames give the same bytes with the same ffmpeg.
 * @param frames [F, H, W, 3], red, green, blue, 0 to 255
 * @throws {RangeError} if the number of bytes does not fit the size
 * @throws {DiskError} if the disk refuses; {SetupError} if ffmpeg is missing or has no H.264 encoder
 */
export async function writeVideo(path: string, frames: Uint8Array, options: WriteVideoOptions): Promise<void> {
  const { width, height, fps, comment } = options;
  const frameBytes = width * height * 3;
  if (frames.length === 0 || frames.length % frameBytes !== 0) {
    throw new RangeError(`frames: ${frames.length} bytes are no whole number of ${width}x${height} RGB frames`);
  }
  makeFolder(dirname(path));
  const temporary = join(
    dirname(path),
    `.${basename(path).slice(0, 40)}.${Deno.pid}-${randomBytes(4).toString("hex")}.tmp`,
  );
  const args = [
    ...["-hide_banner", "-nostats", "-v", "level+error"],
    ...["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", `${width}x${height}`, "-r", String(fps), "-i", "pipe:0"],
    ...["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2,scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd"],
    ...["-c:v", "libx264", "-preset", "medium", "-crf", QUALITY, "-pix_fmt", "yuv420p"],
    ...["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"],
    ...["-movflags", "+faststart", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-map_metadata", "-1"],
    ...(comment === undefined ? [] : ["-metadata", `comment=${comment.replaceAll("\0", "")}`]),
    ...["-f", "mp4", "-y", fileUrl(temporary)],
  ];
  try {
    const { code, lines } = await runProgram("ffmpeg", args, {
      stdin: frames,
      idleSeconds: IDLE_SECONDS,
      signal: options.signal,
    });
    if (code !== 0) throw failure(path, lines);
    flush(temporary);
    Deno.renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (error) {
    removeQuietly(temporary);
    throw error instanceof Error && "code" in error ? diskError(`write "${path}"`, error) : error;
  }
}

function failure(path: string, lines: readonly string[]): Error {
  const all = lines.join("\n");
  if (/No space left on device/.test(all)) {
    return new DiskError(`Cannot write "${path}": the disk is full`, {
      cure: "free some space or choose a folder on another disk, then start again",
    });
  }
  if (/Permission denied|Read-only file system/.test(all)) {
    return new DiskError(`Cannot write "${path}": its folder cannot be written`, {
      cure: "choose a folder that you may write",
    });
  }
  if (/Unknown encoder/.test(all)) {
    return new SetupError(`Cannot write "${path}": this ffmpeg has no H.264 encoder (libx264)`, {
      cure: "install the distribution's ffmpeg, or name another one in WANTUNE_FFMPEG",
    });
  }
  return new DataError(`Cannot write "${path}": ${lastUsefulLine(lines)}`);
}

function flush(path: string): void {
  using file = Deno.openSync(path, { write: true });
  file.syncSync();
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // never created, or renamed already
  }
}
