/**
 * Frames of a clip or still as RGB bytes: turned upright, resampled in time so that motion keeps its speed, scaled and cut.
 * Where the times of a clip's frames are known, decoding begins at a key frame; else, and where that does not work out, at
 * the start of the file.
 *
 * - Time: output frame k is the last source frame whose time from the first frame is at most `start + k / fps`.
 * - Scale: Lanczos, with exact rounding and full chroma, to cover the target; then the middle is cut out.
 * - Transparent pixels are blended over black. Interlaced clips are deinterlaced, one frame for each two fields.
 */

import type { Size } from "./crop.ts";
import { decodeArgs, readFixedFrames } from "./decode.ts";
import { asDecodeProblem, DecodeLog, decodeProblem } from "./decode_log.ts";
import { pictureFilters, type PictureOptions } from "./filters.ts";
import type { MediaInfo } from "./info.ts";
import { probe } from "./probe.ts";
import { FramePicker } from "./picker.ts";
import { Child } from "./process.ts";
import { seekFrames } from "./seek.ts";

/** Which frames are wanted and how they are to look. */
export interface ReadOptions extends PictureOptions {
  /** Frames per second of the output. */
  readonly fps: number;
  readonly numFrames: number;
  /** Seconds from the first frame at which the output begins. Default 0. */
  readonly start?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Decoded frames. */
export interface Frames extends Size {
  /** [F, H, W, 3], red, green, blue, 0 to 255. */
  readonly pixels: Uint8Array;
  readonly numFrames: number;
  /** For each output frame, the time of its source frame in seconds from the first frame. */
  readonly sourceTimes: readonly number[];
}

const IDLE_SECONDS = 60;

/** Frames that hold their memory, much of it outside of the collector's sight, until they are disposed of. */
export interface DecodedFrames extends Frames, Disposable {}

/**
 * Decodes frames.
 * @param source a path, or what {@linkcode probe} found about it (which spares a second look)
 * @returns to be disposed of when the pixels have been used
 * @throws {FileProblem} if the file is damaged where it is needed, changes its size on the way, or has fewer frames
 * @throws {SetupError} if ffmpeg is missing
 */
export async function decodeFrames(source: string | MediaInfo, options: ReadOptions): Promise<DecodedFrames> {
  const info = typeof source === "string" ? await probe(source, { timestamps: false }) : source;
  const { width, height, numFrames } = options;
  const sought = await asDecodeProblem(info, () => seekFrames(info, options));
  if (sought !== undefined) return { ...sought, width, height, numFrames };
  return { ...await readInOrder(info, options), width, height, numFrames, [Symbol.dispose]: (): void => {} };
}

/** As {@linkcode decodeFrames}, copied to memory that the collector looks after: for a few or small frames. */
export async function readFrames(source: string | MediaInfo, options: ReadOptions): Promise<Frames> {
  using frames = await decodeFrames(source, options);
  const { pixels, numFrames, width, height, sourceTimes } = frames;
  return { pixels: pixels.slice(), numFrames, width, height, sourceTimes };
}

/** Decodes from the start of the file until there are enough frames, and tells what is wrong with it. */
export async function readInOrder(
  info: MediaInfo,
  options: ReadOptions,
): Promise<Pick<Frames, "pixels" | "sourceTimes">> {
  const picker = new FramePicker(options);
  const log = new DecodeLog(info);
  const { stdin, args } = await decodeArgs(info, {
    // slice threads decode in order, so that damage after the last wanted frame is never seen
    input: info.isImage ? [] : ["-thread_type", "slice"],
    filters: pictureFilters(info, options),
    pixelFormat: "rgb24",
    signal: options.signal,
  });
  await asDecodeProblem(info, async () => {
    await using child = await Child.start("ffmpeg", args, {
      stdin,
      idleSeconds: IDLE_SECONDS,
      signal: options.signal,
      onLine: (line) => log.line(line),
    });
    await readFixedFrames(child, {
      next: () => picker.spareFrame(),
      take: async (frame) => {
        const time = await log.timeOf(picker.numSource, child);
        if (time !== undefined) picker.add(frame, time);
        return time !== undefined && !picker.done;
      },
    });
    options.signal?.throwIfAborted();
    if (picker.done && !info.isImage) {
      log.throwIfDamaged(picker.lastSource);
    } else {
      const { code, lines } = await child.result();
      picker.end(log.nominalInterval);
      if (picker.numSource === 0) throw decodeProblem(info, log.noFrame(lines));
      log.throwIfDamaged(picker.lastSource);
      if (!picker.done || code !== 0) throw decodeProblem(info, tooFew(picker, options, info));
    }
  });
  return picker.result();
}

function tooFew(picker: FramePicker, options: ReadOptions, info: MediaInfo): { fact: string; cure: string } {
  const promised = info.timeline === undefined ? "" : ` of ${info.timeline.numFrames}`;
  const wanted = `${options.numFrames} at ${options.fps} fps are wanted`;
  return {
    fact: `only ${picker.numSource}${promised} frames came out, ${wanted}: it is cut off, damaged or too short`,
    cure: "replace it with a whole copy, or remove it",
  };
}
