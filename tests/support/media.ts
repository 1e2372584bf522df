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
