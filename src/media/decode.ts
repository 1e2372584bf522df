/** What every call of ffmpeg that turns a file into raw frames has in common. */

import { animationStream, isAnimation } from "./animation.ts";
import { INPUT_GUARD, readerArgs } from "./ffprobe.ts";
import type { MediaInfo } from "./info.ts";
import { type Child, type ChildOptions, fileUrl, findPrograms } from "./process.ts";
import { readStill } from "./still.ts";

/** How a file is decoded and what becomes of its frames. */
export interface DecodeArgs {
  /** Options of the input, such as where to begin. */
  readonly input?: readonly string[];
  /** The key frame to begin with, for files that are not sought in by `input`; see {@linkcode animationStream}. */
  readonly from?: number;
  readonly filters: readonly string[];
  readonly pixelFormat: "rgb24" | "gray";
  /** Frames after which ffmpeg ends. */
  readonly most?: number;
  /** The file that they are written to, one that is there. Default: standard output. */
  readonly to?: string;
  readonly signal?: AbortSignal | undefined;
}

/** Arguments of ffmpeg for raw frames, each with the time that it has in the file. */
export async function decodeArgs(
  info: MediaInfo,
  { input = [], from, filters, pixelFormat, most, to, signal }: DecodeArgs,
): Promise<{ args: string[]; stdin?: ChildOptions["stdin"] }> {
  const { release } = await findPrograms();
  const passAll = release[0] > 5 || release[1] >= 1 ? ["-fps_mode", "passthrough"] : ["-vsync", "passthrough"];
  const output = [
    ...["-map", `0:${info.streamIndex}`, "-an", "-sn", "-dn", "-vf", filters.join(","), ...passAll],
    ...(info.isImage || most !== undefined ? ["-frames:v", String(most ?? 1)] : []),
    ...["-c:v", "rawvideo", "-pix_fmt", pixelFormat, "-f", "rawvideo"],
    ...(to === undefined ? ["pipe:1"] : ["-y", fileUrl(to)]),
  ];
  const common = ["-nostdin", "-nostats", ...readerArgs("info"), ...INPUT_GUARD, "-noautorotate", ...input];
  if (isAnimation(info)) {
    return {
      args: [...common, "-f", "matroska", "-i", "pipe:0", ...output],
      stdin: animationStream(info.path, { from, signal }),
    };
  }
  if (!info.isImage) return { args: [...common, "-i", fileUrl(info.path), ...output] };
  const { bytes } = readStill(info.path);
  return { args: [...common, "-f", info.container, "-i", "pipe:0", ...output], stdin: bytes };
}

/**
 * Cuts a child's output into frames.
 * @param frames.next the buffer that the next frame is written to
 * @param frames.take called when it is full; false ends the reading
 */
export async function readFixedFrames(
  child: Child,
  frames: { next: () => Uint8Array; take: (frame: Uint8Array) => boolean | Promise<boolean> },
): Promise<void> {
  let frame = frames.next();
  let filled = 0;
  for (let piece = await child.read(); piece !== undefined; piece = await child.read()) {
    for (let at = 0; at < piece.length;) {
      const take = Math.min(piece.length - at, frame.length - filled);
      frame.set(piece.subarray(at, at + take), filled);
      filled += take;
      at += take;
      if (filled < frame.length) continue;
      if (!await frames.take(frame)) return;
      frame = frames.next();
      filled = 0;
    }
  }
}
