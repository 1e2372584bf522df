/** Pictures side by side as one JPEG, for pages. */

import { DataError } from "../base/mod.ts";
import type { Frames } from "./frames.ts";
import { lastUsefulLine, runProgram } from "./process.ts";

/** ffmpeg's scale from 2, the best, to 31. Chosen: thumbnails at about 0.1 bytes a pixel. */
const QUALITY = 5;

/**
 * A strip of all frames from left to right.
 * @throws {DataError} if ffmpeg cannot make it; {SetupError} if it is missing
 */
export async function jpegStrip(
  { pixels, numFrames, width, height }: Frames,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<Uint8Array> {
  const args = [
    ...["-hide_banner", "-nostats", "-v", "level+error"],
    ...["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", `${width}x${height}`, "-i", "pipe:0"],
    ...["-vf", `tile=${numFrames}x1`, "-frames:v", "1", "-q:v", String(QUALITY), "-f", "mjpeg", "pipe:1"],
  ];
  const { code, stdout, lines } = await runProgram("ffmpeg", args, { stdin: pixels, ...options });
  if (code !== 0) throw new DataError(`Cannot make a JPEG: ${lastUsefulLine(lines)}`);
  return stdout;
}
