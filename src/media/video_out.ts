/** Frames to a video that every player shows: MP4, WebM or GIF, high quality; or to a folder of pictures. */

import { randomBytes } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { DataError, DiskError, diskError, makeFolder, SetupError, syncFolder } from "../base/mod.ts";
import { checkRate, encoderArgs, type VideoCodec, videoCodec, videoForm } from "./containers.ts";
import type { Size } from "./crop.ts";
import { writeFrames } from "./frames_out.ts";
import { withGifComment } from "./gif_comment.ts";
import { fileUrl, lastUsefulLine, runProgram } from "./process.ts";

/** How frames are written. */
export interface WriteVideoOptions extends Size {
  readonly fps: number;
  /** Text kept in the file's comment, such as prompt and seed. */
  readonly comment?: string | undefined;
  /** Absent: the usual one, H.264 for MP4 and VP9 for WebM. */
  readonly codec?: VideoCodec | undefined;
  readonly signal?: AbortSignal | undefined;
}

const IDLE_SECONDS = 120;

/**
 * Writes a video in the form its name tells, see `videoForm`. It appears whole under its name or not at all; a file of that
 * name is replaced. Where pictures are 4:2:0, odd sides are padded by one pixel. The same frames give the same bytes with the
 * same ffmpeg.
 * @param frames [F, H, W, 3], red, green, blue, 0 to 255
 * @throws {ConfigError} for a name, codec or rate that does not fit
 * @throws {RangeError} if the number of bytes does not fit the size
 * @throws {DiskError} if the disk refuses; {SetupError} if ffmpeg is missing or lacks the encoder
 */
export async function writeVideo(path: string, frames: Uint8Array, options: WriteVideoOptions): Promise<void> {
  const { width, height, fps } = options;
  const form = videoForm(path);
  const codec = videoCodec(form, options.codec);
  checkRate(path, { form, fps });
  const comment = options.comment?.replaceAll("\0", "");
  const frameBytes = width * height * 3;
  if (frames.length === 0 || frames.length % frameBytes !== 0) {
    throw new RangeError(`frames: ${frames.length} bytes are no whole number of ${width}x${height} RGB frames`);
  }
  if (form === "png") return writeFrames(path, frames, { width, height, comment });
  makeFolder(dirname(path));
  const temporary = join(
    dirname(path),
    `.${basename(path).slice(0, 40)}.${Deno.pid}-${randomBytes(4).toString("hex")}.tmp`,
  );
  const args = [
    ...["-hide_banner", "-nostats", "-v", "level+error"],
    ...["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", `${width}x${height}`, "-r", String(fps), "-i", "pipe:0"],
    ...(comment === undefined || form === "gif" ? [] : ["-metadata", `comment=${comment}`]),
    ...encoderArgs(form, codec),
    ...["-y", fileUrl(temporary)],
  ];
  try {
    const { code, lines } = await runProgram("ffmpeg", args, {
      stdin: frames,
      idleSeconds: IDLE_SECONDS,
      signal: options.signal,
    });
    if (code !== 0) throw failure(path, lines);
    if (form === "gif" && comment !== undefined) {
      Deno.writeFileSync(temporary, withGifComment(Deno.readFileSync(temporary), comment));
    }
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
    return new SetupError(`Cannot write "${path}": this ffmpeg lacks an encoder (${lastUsefulLine(lines)})`, {
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
