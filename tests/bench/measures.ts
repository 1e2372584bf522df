/** What the benchmark measures. Each function returns seconds for one unit of work, the best of several rounds. */

import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { cacheHome, makeFolder } from "../../src/base/mod.ts";
import { readFrames } from "../../src/media/mod.ts";
import { buildModel } from "../../src/nn/mod.ts";
import { Generator, grad, liveHandles, ones, randn, type Tensor, tidy } from "../../src/torch/mod.ts";
import { type BlockContext, WanBlock } from "../../src/wan/transformer/block.ts";
import { ropeTable } from "../../src/wan/transformer/rope.ts";
import { SafetensorsFile, saveSafetensors } from "../../src/weights/mod.ts";

/** The shape of the transformer block that is measured; the ratios are those of TI2V-5B. */
export const BLOCK = { width: 768, numHeads: 6, ffnDim: 3584, grid: [3, 12, 16], textLength: 128 } as const;
/** Tokens of its sequence. */
export const BLOCK_LENGTH = BLOCK.grid[0] * BLOCK.grid[1] * BLOCK.grid[2];

/** The shortest of several rounds, in seconds. */
function best(rounds: number, run: () => void): number {
  let shortest = Infinity;
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    run();
    shortest = Math.min(shortest, performance.now() - start);
  }
  return shortest / 1000;
}

/** Adding two tensors of one element: what crossing into libtorch and back costs. */
export function measureAdd(): number {
  using a = ones([1]);
  using b = ones([1]);
  const adds = (count: number): void => {
    for (let done = 0; done < count; done += 1000) {
      tidy(() => {
        for (let i = 0; i < 1000; i++) a.add(b);
      });
    }
  };
  adds(20_000);
  return best(5, () => adds(100_000)) / 100_000;
}

/** Forward and backward of one transformer block in float32, with gradients for its input and every parameter. */
export function measureBlock(): number {
  const { width, numHeads, ffnDim, grid, textLength } = BLOCK;
  const headDim = width / numHeads;
  return tidy(() => {
    using generator = Generator.seeded(0);
    const random = (shape: readonly number[]): Tensor => randn(shape, { generator });
    const built = buildModel({
      name: "random numbers",
      keys: () => [],
      shapeOf: (key) => blockShape(key),
      load: (key) => {
        const parameter = random(blockShape(key)).mul(1 / Math.sqrt(blockShape(key).at(-1) ?? 1));
        parameter.setRequiresGrad(true);
        return parameter;
      },
    }, {
      what: "one block",
      build: (p) =>
        new WanBlock(p, {
          ...{ patchSize: [1, 2, 2], inChannels: 48, outChannels: 48, textDim: 4096, freqDim: 256 },
          ...{ numHeads, headDim, width, ffnDim, numLayers: 1, eps: 1e-6 },
        }),
    });
    const context: BlockContext = {
      time: { embedding: random([1, width]), projection: random([1, 6, width]), index: undefined, batch: 1 },
      text: random([1, textLength, width]),
      rope: ropeTable(grid, { headDim, device: "cpu" }),
    };
    const x = random([1, BLOCK_LENGTH, width]);
    x.setRequiresGrad(true);
    const upstream = random([1, BLOCK_LENGTH, width]);
    const leaves = [x, ...built.params.values()];
    const step = (): void => {
      tidy(() => {
        grad([built.model.forward(x, { context })], leaves, { outputGrads: [upstream] });
      });
    };
    step();
    const before = liveHandles();
    const seconds = best(6, step);
    if (liveHandles() !== before) throw new Error("the block leaves tensors behind");
    return seconds;
  });
}

function blockShape(key: string): number[] {
  const { width, ffnDim } = BLOCK;
  if (key === "scale_shift_table") return [1, 6, width];
  if (key === "ffn.net.0.proj.weight") return [ffnDim, width];
  if (key === "ffn.net.0.proj.bias") return [ffnDim];
  if (key === "ffn.net.2.weight") return [width, ffnDim];
  return key.includes("norm") || key.endsWith(".bias") ? [width] : [width, width];
}

/** Reading a file of 64 tensors, already in the system's cache. @returns seconds per GB: read, and cast to bfloat16 */
export function measureFiles(): { read: number; cast: number } {
  const folder = join(makeFolder(cacheHome()), `bench-${Deno.pid}`);
  const path = join(makeFolder(folder), "weights.safetensors");
  try {
    tidy(() => {
      const one = ones([1024, 1024]);
      saveSafetensors(path, new Map(Array.from({ length: 64 }, (_, i) => [`blocks.${i}.weight`, one])));
    });
    const gigabytes = statSync(path).size / 1e9;
    const readAll = (dtype: "float32" | "bfloat16"): void => {
      using file = SafetensorsFile.open(path);
      for (const name of file.entries.keys()) file.read(name, { dtype })[Symbol.dispose]();
    };
    readAll("float32");
    return {
      read: best(5, () => readAll("float32")) / gigabytes,
      cast: best(3, () => readAll("bfloat16")) / gigabytes,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Decoding, scaling and cutting one frame of a clip, the start of ffmpeg included. */
export async function measureFrames(path: string): Promise<number> {
  const options = { width: 256, height: 256, fps: 24, numFrames: 49 };
  await readFrames(path, options);
  const start = performance.now();
  for (let i = 0; i < 3; i++) await readFrames(path, options);
  return (performance.now() - start) / 1000 / (3 * options.numFrames);
}
