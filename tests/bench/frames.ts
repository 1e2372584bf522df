/** The data path from a clip's bytes to the tensor an encoder gets, the start of ffmpeg included. */
import { fileURLToPath } from "node:url";
import { framesToTensor } from "../../src/data/mod.ts";
import { readFrames } from "../../src/media/mod.ts";
import { median } from "./measure.ts";

const CLIP = fileURLToPath(new URL("../data/clips/sintel_dunes.mp4", import.meta.url));
const WANTED = { width: 256, height: 256, fps: 24, numFrames: 17 };

/** Frames a second. */
export async function benchFrames(rounds: number): Promise<number> {
  const seconds: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const start = performance.now();
    framesToTensor(await readFrames(CLIP, WANTED))[Symbol.dispose]();
    if (round > 0) seconds.push((performance.now() - start) / 1000);
  }
  return WANTED.numFrames / median(seconds);
}
