/** Reading: weight files and clips. */
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { cacheHome, makeFolder } from "../../src/base/mod.ts";
import { readFrames } from "../../src/media/mod.ts";
import { ones, tidy } from "../../src/torch/mod.ts";
import { SafetensorsFile, saveSafetensors } from "../../src/weights/mod.ts";
import { median, secondsEach } from "./measure.ts";

const TENSORS = 64;

/** Reads a float32 file that lies in the system's memory already. @returns gigabytes a second, as it is and to bfloat16 */
export function weightsSpeed(rounds: number): { plain: number; cast: number } {
  const folder = join(makeFolder(cacheHome()), `bench-${Deno.pid}`);
  const path = join(makeFolder(folder), "weights.safetensors");
  try {
    tidy(() => {
      const one = ones([1024, 1024]);
      saveSafetensors(path, new Map(Array.from({ length: TENSORS }, (_, i) => [`blocks.${i}.weight`, one])));
    });
    const gigabytes = statSync(path).size / 1e9;
    const speed = (dtype: "float32" | "bfloat16"): number => {
      const readAll = (): void => {
        using file = SafetensorsFile.open(path);
        for (const name of file.entries.keys()) file.read(name, { dtype })[Symbol.dispose]();
      };
      return gigabytes / median(Array.from({ length: rounds }, () => secondsEach(1, readAll)));
    };
    return { plain: speed("float32"), cast: speed("bfloat16") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Decodes a clip, resamples, scales and cuts it, the start of ffmpeg included. @returns frames a second */
export async function framesSpeed(path: string, rounds: number): Promise<number> {
  const options = { width: 256, height: 256, fps: 24, numFrames: 49 };
  const speeds: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    await readFrames(path, options);
    speeds.push(options.numFrames / (performance.now() - start) * 1000);
  }
  return median(speeds);
}
