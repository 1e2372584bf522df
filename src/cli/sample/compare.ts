/** How close a video that was made is to another one, such as the one that it repeats. */
import { resolve } from "node:path";
import { ConfigError } from "../../base/mod.ts";
import { compareVideos, type MediaInfo, probe, readFrames, type VideoComparison, videoForm } from "../../media/mod.ts";
import type { SampleSettings } from "./settings.ts";

/**
 * Refuses videos that cannot be compared with one that is yet to be made.
 * @throws {ConfigError} if they differ in size, have one name, or pictures are to be written
 * @throws {DataError} if it cannot be read
 */
export async function checkComparable(
  video: string,
  { path, settings: { width, height, numFrames } }: { path: string; settings: SampleSettings },
): Promise<void> {
  if (resolve(video) === path) {
    throw new ConfigError(`Cannot compare "${video}" with the video: the video takes its place`, {
      cure: "give the new one another name with --out",
    });
  }
  if (videoForm(path) === "png") {
    throw new ConfigError(`Cannot compare pictures with "${video}": videos alone are compared`, {
      cure: "give --out a name that ends in .mp4, .webm or .gif",
    });
  }
  const info = await probe(video);
  const wanted = sizeText({ width, height, numFrames });
  if (sizeOf(info) === wanted) return;
  throw new ConfigError(`Cannot compare "${video}" with the video: it has ${sizeOf(info)}, the video ${wanted}`, {
    cure: "compare videos of one size",
  });
}

/** Both videos as they are decoded from their files, so that equal files are equal. @throws {DataError} if one cannot be read */
export async function compareFiles(path: string, video: string): Promise<VideoComparison> {
  const [own, other] = [await probe(path), await probe(video)];
  return compareVideos(await pixelsOf(own), await pixelsOf(other), own);
}

/** As in `PSNR 41.2 dB, SSIM 0.987 (0.979 at worst)`. */
export function comparisonText({ psnr, ssim, worstSsim }: VideoComparison): string {
  if (psnr === Infinity) return "equal";
  return `PSNR ${psnr.toFixed(1)} dB, SSIM ${ssim.toFixed(3)} (${worstSsim.toFixed(3)} at worst)`;
}

async function pixelsOf(info: MediaInfo): Promise<Uint8Array> {
  const { width, height, fps } = info;
  return (await readFrames(info, { width, height, fps, numFrames: numFramesOf(info) })).pixels;
}

function numFramesOf({ timeline }: MediaInfo): number {
  return timeline?.numFrames ?? 1;
}

function sizeOf(info: MediaInfo): string {
  return sizeText({ ...info, numFrames: numFramesOf(info) });
}

function sizeText({ width, height, numFrames }: { width: number; height: number; numFrames: number }): string {
  return `${numFrames} frame${numFrames === 1 ? "" : "s"} of ${width}x${height}`;
}
