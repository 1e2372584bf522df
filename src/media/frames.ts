/**
 * Frames of a clip or still as RGB bytes: decoded once, in order from the start of the file, turned upright, resampled in
 * time so that motion keeps its speed, scaled and cut.
 *
 * - Time: output frame k is the last source frame whose time from the first frame is at most `start + k / fps`.
 * - Scale: Lanczos, with exact rounding and full chroma, to cover the target; then the middle is cut out.
 * - Transparent pixels are blended over black. Interlaced clips are deinterlaced, one frame for each two fields.
 */

import { coverCrop, type Crop, type Size } from "./crop.ts";
import { decodeArgs, readFixedFrames } from "./decode.ts";
import { asDecodeProblem, DecodeLog, decodeProblem } from "./decode_log.ts";
import type { MediaInfo } from "./info.ts";
import { probe } from "./probe.ts";
import { FramePicker } from "./picker.ts";
import { Child } from "./process.ts";

/** Which frames are wanted and in which size. */
export interface ReadOptions extends Size {
  /** Frames per second of the output. */
  readonly fps: number;
  readonly numFrames: number;
  /** Seconds from the first frame at which the output begins. Default 0. */
  readonly start?: number;
  /** Default: {@linkcode coverCrop} of the shown size. */
  readonly crop?: Crop | undefined;
  /** Mirror left to right. Default false. */
  readonly flip?: boolean | undefined;
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

const SCALER = "lanczos+accurate_rnd+full_chroma_int+full_chroma_inp";
const TURN = {
  1: [],
  2: ["hflip"],
  3: ["hflip", "vflip"],
  4: ["vflip"],
  5: ["transpose=cclock_flip"],
  6: ["transpose=clock"],
  7: ["transpose=clock_flip"],
  8: ["transpose=cclock"],
} as const;
const IDLE_SECONDS = 60;

/**
 * Decodes frames.
 * @param source a path, or what {@linkcode probe} found about it (which spares a second look)
 * @throws {FileProblem} if the file is damaged where it is needed, changes its size on the way, or has fewer frames
 * @throws {SetupError} if ffmpeg is missing
 */
export async function readFrames(source: string | MediaInfo, options: ReadOptions): Promise<Frames> {
  const info = typeof source === "string" ? await probe(source, { timestamps: false }) : source;
  const picker = new FramePicker(options);
  const log = new DecodeLog(info);
  const { stdin, args } = await decodeArgs(info, {
    // slice threads decode in order, so that damage after the last wanted frame is never seen
    input: info.isImage ? [] : ["-thread_type", "slice"],
    filters: filtersOf(info, options),
    pixelFormat: "rgb24",
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
  return { ...picker.result(), width: options.width, height: options.height };
}

function filtersOf(info: MediaInfo, options: ReadOptions): string[] {
  const crop = options.crop ?? coverCrop(info, options);
  return [
    ...(info.interlaced ? ["bwdif=mode=send_frame:deint=all"] : []),
    ...TURN[info.orientation],
    "showinfo=checksum=0",
    ...(info.hasAlpha ? ["format=gbrap", "premultiply=inplace=1"] : []),
    `scale=${crop.scaledWidth}:${crop.scaledHeight}:flags=${SCALER}`,
    "format=rgb24",
    `crop=${crop.width}:${crop.height}:${crop.left}:${crop.top}`,
    ...(options.flip === true ? ["hflip"] : []),
  ];
}

function tooFew(picker: FramePicker, options: ReadOptions, info: MediaInfo): { fact: string; cure: string } {
  const promised = info.timeline === undefined ? "" : ` of ${info.timeline.numFrames}`;
  const wanted = `${options.numFrames} at ${options.fps} fps are wanted`;
  return {
    fact: `only ${picker.numSource}${promised} frames came out, ${wanted}: it is cut off, damaged or too short`,
    cure: "replace it with a whole copy, or remove it",
  };
}
