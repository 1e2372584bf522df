/** The runs whose memory `wantune plan` is held to: synthetic models whose tensors outweigh the program, and what is done with them. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { publishedSizes, tinySizes, VARIANTS, writeFreshModel } from "../../src/wan/mod.ts";
import type { Sections } from "../support/workplace.ts";

/** A model of the grid. */
export type GridModel = "small" | "mid" | "pair" | "encoders";

interface ModelShape {
  readonly variant: string;
  readonly transformer: { numHeads: number; headDim: number; width: number; ffnDim: number; numLayers: number };
  readonly vaeDim: number;
  readonly text: { vocabSize: number; width: number; numLayers: number; ffnDim: number };
}

const SMALL_TEXT = { vocabSize: 1024, width: 256, numLayers: 2, ffnDim: 1024 };

/** A small transformer, a middling one, a pair of experts, and one whose encoders are the heaviest part. */
const SHAPES: Readonly<Record<GridModel, ModelShape>> = {
  small: {
    variant: "wan2.2-ti2v-5b",
    transformer: { numHeads: 8, headDim: 64, width: 512, ffnDim: 2048, numLayers: 6 },
    vaeDim: 16,
    text: SMALL_TEXT,
  },
  mid: {
    variant: "wan2.2-ti2v-5b",
    transformer: { numHeads: 8, headDim: 128, width: 1024, ffnDim: 4096, numLayers: 8 },
    vaeDim: 16,
    text: SMALL_TEXT,
  },
  pair: {
    variant: "wan2.2-t2v-a14b",
    transformer: { numHeads: 6, headDim: 128, width: 768, ffnDim: 3072, numLayers: 6 },
    vaeDim: 16,
    text: SMALL_TEXT,
  },
  encoders: {
    variant: "wan2.2-ti2v-5b",
    transformer: { numHeads: 4, headDim: 64, width: 256, ffnDim: 1024, numLayers: 4 },
    vaeDim: 64,
    text: { vocabSize: 64000, width: 1024, numLayers: 6, ffnDim: 2048 },
  },
};

/** Makes a model of the grid, unless it is there. @returns its folder */
export function makeModel(folder: string, name: GridModel): string {
  const path = join(folder, name);
  if (existsSync(join(path, "model_index.json"))) return path;
  const { variant: wanted, transformer, vaeDim, text } = SHAPES[name];
  const variant = VARIANTS.find((one) => one.name === wanted);
  if (variant === undefined) throw new RangeError(`no variant ${wanted}`);
  const tiny = tinySizes(variant);
  writeFreshModel(path, {
    ...{ variant, dtype: "float32", seed: 1 },
    sizes: {
      transformer: { ...tiny.transformer, ...transformer, textDim: text.width },
      vae: { ...publishedSizes(variant).vae, baseDim: vaeDim, decoderBaseDim: vaeDim, numResBlocks: 1 },
      textEncoder: { ...tiny.textEncoder, ...text, headDim: 64, numHeads: text.width / 64 },
    },
  });
  return path;
}

/** One run. */
export interface GridCase {
  readonly name: string;
  readonly model: GridModel;
  readonly sections: Sections;
}

const adapter = { kind: "lora", rank: 16 };
const medium = { resolution: { width: 192, height: 192 }, numFrames: 9 };
const large = { resolution: { width: 256, height: 256 }, numFrames: 17 };

/** Methods, places of weights, graphs, optimizers, averages, types, quantisation, batches, experts, samples, validation. */
export const GRID: readonly GridCase[] = [
  { name: "lora, recompute", model: "mid", sections: { method: adapter, memory: { blocks: "recompute" } } },
  {
    name: "lora, keep, large clip",
    model: "mid",
    sections: { method: adapter, memory: { blocks: "keep" }, data: large },
  },
  {
    name: "lora, 3 kept, batch of 2, accumulated",
    model: "mid",
    sections: {
      method: adapter,
      memory: { blocks: 3 },
      data: medium,
      train: { batchSize: 2, gradientAccumulation: 2 },
    },
  },
  { name: "lora, mapped", model: "mid", sections: { method: adapter, memory: { weights: "mapped" }, data: large } },
  {
    name: "dora, keep",
    model: "mid",
    sections: { method: { kind: "dora", rank: 16 }, memory: { blocks: "keep" } },
  },
  { name: "lora, int8 base", model: "mid", sections: { method: adapter, model: { quantization: "int8" } } },
  { name: "lora, nf4 base", model: "mid", sections: { method: adapter, model: { quantization: "nf4" } } },
  { name: "full, adamw", model: "mid", sections: { method: { kind: "full" }, memory: { blocks: "recompute" } } },
  {
    name: "full, adamw8bit, ema",
    model: "small",
    sections: { method: { kind: "full" }, optim: { name: "adamw-8bit", ema: { decay: 0.99 } } },
  },
  {
    name: "full, bf16, adafactor",
    model: "mid",
    sections: {
      method: { kind: "full" },
      model: { dtype: "bfloat16" },
      optim: { name: "adafactor" },
      train: { steps: 1 },
    },
  },
  { name: "full, muon", model: "small", sections: { method: { kind: "full" }, optim: { name: "muon" } } },
  { name: "both experts, lora", model: "pair", sections: { method: adapter } },
  {
    name: "both experts, full, samples",
    model: "pair",
    sections: {
      method: { kind: "full" },
      sample: { prompts: ["a plant"], width: 64, height: 64, numFrames: 5, steps: 2, everySteps: 100 },
    },
  },
  {
    name: "embedding",
    model: "encoders",
    sections: { method: { kind: "embedding", token: "plant", vectors: 4 } },
  },
  { name: "lora, encoding the most", model: "encoders", sections: { method: adapter, data: large } },
  {
    name: "lora, decoding the most",
    model: "encoders",
    sections: {
      method: adapter,
      sample: { prompts: ["a plant"], width: 512, height: 256, numFrames: 9, steps: 1, everySteps: 100 },
    },
  },
];
