/** Clips that tests make, and where the stored ones lie. */

import { join } from "node:path";

/** The folder of test clips and its manifest. */
export const DATA = join(import.meta.dirname ?? ".", "..", "data");
/** The folder of stored clips and stills. */
export const CLIPS = join(DATA, "clips");

/** Runs ffmpeg. @throws {Error} with its last words if it fails */
export function ffmpeg(...args: readonly string[]): void {
  const { success, stderr } = new Deno.Command("ffmpeg", {
    args: ["-nostdin", "-v", "error", "-y", ...args],
    stdin: "null",
  }).outputSync();
  if (!success) throw new Error(`ffmpeg ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

/**
 * A clip in which every frame's brightness is its number: read it with {@linkcode countedFrames}. At most 50 frames.
 * @param extra output options; a codec that keeps brightness to within a level
 */
export function makeCounter(
  path: string,
  { frames, fps, filters = [], extra = ["-c:v", "libx264", "-crf", "1", "-g", "7", "-bf", "2"] }: {
    frames: number;
    fps: string | number;
    filters?: readonly string[];
    extra?: readonly string[];
  },
): void {
  const source = `nullsrc=s=64x64:r=${fps},geq=lum='16+4*N':cb=128:cr=128,format=yuv420p`;
  const chain = [source, ...filters].join(",");
  ffmpeg("-f", "lavfi", "-i", chain, "-frames:v", String(frames), "-fps_mode", "passthrough", ...extra, `file:${path}`);
}

/** The numbers in frames of a counter clip. @param pixels [F, H, W, 3] */
export function countedFrames(pixels: Uint8Array, numFrames: number): number[] {
  const size = pixels.length / numFrames;
  return Array.from({ length: numFrames }, (_, frame) => {
    const middle = frame * size + Math.floor(size / 2);
    return Math.round((pixels[middle] ?? 0) * 219 / 255 / 4);
  });
}

/** Times of all frames as ffprobe sees them after decoding, in seconds from the first. */
export function decodedTimes(path: string): number[] {
  const args = ["-v", "error", "-select_streams", "V:0", "-show_entries", "frame=best_effort_timestamp_time"];
  const { stdout } = new Deno.Command("ffprobe", { args: [...args, "-of", "csv=p=0", `file:${path}`] }).outputSync();
  const times = new TextDecoder().decode(stdout).split("\n").map((line) => line.replace(/,.*$/, ""))
    .filter((line) => line.trim() !== "").map(Number);
  return times.map((time) => time - (times[0] ?? 0));
}

/** Columns of the block counter: frames up to 255 can be told apart. */
const BITS = 8;

/**
 * A clip whose frames carry their number in black and white columns, the lowest bit on the left, over a grey lower quarter:
 * read it with {@linkcode blockCounts}, whatever its size, codec and orientation. At most 256 frames of 64x64.
 * @param options.rotate degrees by which players are to turn it, anticlockwise; the pictures are stored turned back
 */
export function makeBlocks(
  path: string,
  { frames, fps, rotate = 0, filters = [], extra = ["-c:v", "libx264", "-crf", "10", "-g", "12", "-bf", "2"] }: {
    frames: number;
    fps: string | number;
    rotate?: 0 | 90 | 180 | 270;
    filters?: readonly string[];
    extra?: readonly string[];
  },
): void {
  const bit = `mod(floor(N/pow(2,floor(X/${64 / BITS}))),2)`;
  const source = `nullsrc=s=64x64:r=${fps},geq=lum='if(lt(Y,48),16+219*${bit},126)':cb=128:cr=128,format=yuv420p`;
  const back = { 0: [], 90: ["transpose=clock"], 180: ["hflip", "vflip"], 270: ["transpose=cclock"] }[rotate];
  const output = ["-frames:v", String(frames), "-fps_mode", "passthrough", ...extra];
  const stored = rotate === 0 ? path : `${path}.stored.mp4`;
  ffmpeg("-f", "lavfi", "-i", [source, ...back, ...filters].join(","), ...output, `file:${stored}`);
  if (rotate === 0) return;
  ffmpeg("-i", `file:${stored}`, "-c", "copy", "-metadata:s:v:0", `rotate=${rotate}`, `file:${path}`);
  Deno.removeSync(stored);
}

/** The numbers in frames of a block counter; NaN where it is not upright. @param pixels [F, H, W, 3] */
export function blockCounts(pixels: Uint8Array, { width, height }: { width: number; height: number }): number[] {
  const size = width * height * 3;
  return Array.from({ length: pixels.length / size }, (_, frame) => {
    const at = (x: number, y: number): number =>
      pixels[frame * size + (Math.floor(y * height) * width + Math.floor(x * width)) * 3] ?? 0;
    const grey = at(0.1, 0.9);
    if (grey < 80 || grey > 180 || Math.abs(at(0.9, 0.9) - grey) > 30) return NaN;
    let count = 0;
    for (let bit = 0; bit < BITS; bit++) if (at((bit + 0.5) / BITS, 0.35) > 128) count += 2 ** bit;
    return count;
  });
}
