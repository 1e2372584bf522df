/** What a benchmarked training step is made of: numbers alone, so that other programs can be given the same work. */
import { ConfigError } from "../../base/mod.ts";
import type { DType } from "../../torch/mod.ts";
import { TEXT_LENGTH, type TransformerConfig } from "../../wan/mod.ts";

/** A training step of a synthetic WAN transformer. */
export interface StepShape {
  /** Width; a multiple of twice the heads. */
  readonly dim: number;
  readonly layers: number;
  readonly heads: number;
  /** Width of the feed-forward. */
  readonly ffn: number;
  /** Tokens along latent frames, rows and columns. */
  readonly grid: readonly [number, number, number];
  readonly dtype: Extract<DType, "float32" | "bfloat16">;
  readonly method: "lora" | "full";
  /** Rank of the LoRA on the ten linear layers of each block. */
  readonly rank: number;
  /** Whether each block's graph is made anew in backward. */
  readonly recompute: boolean;
}

/** Sizes by name: the demo's, one that fits any machine, and the published ones at 480p. */
export const NAMED_SIZES: Readonly<Record<string, Pick<StepShape, "dim" | "layers" | "heads" | "ffn" | "grid">>> = {
  tiny: { dim: 192, layers: 6, heads: 6, ffn: 512, grid: [3, 4, 4] },
  mid: { dim: 1024, layers: 8, heads: 8, ffn: 4096, grid: [5, 12, 26] },
  "ti2v-5b": { dim: 3072, layers: 30, heads: 24, ffn: 14336, grid: [13, 15, 26] },
  a14b: { dim: 5120, layers: 40, heads: 40, ffn: 13824, grid: [13, 30, 52] },
};

/** Latent channels of the synthetic model, and width of its prompt embeddings. */
const CHANNELS = 16, TEXT_DIM = 4096;

/** The transformer of a shape. @throws {ConfigError} if the heads do not divide the width into even parts */
export function transformerOf({ dim, layers, heads, ffn }: StepShape): TransformerConfig {
  if (dim % (2 * heads) !== 0) {
    throw new ConfigError(`Cannot make ${heads} heads of a width of ${dim}: each needs an even number of channels.`, {
      cure: `take a width that is a multiple of ${2 * heads}`,
    });
  }
  return {
    patchSize: [1, 2, 2],
    numHeads: heads,
    headDim: dim / heads,
    width: dim,
    inChannels: CHANNELS,
    outChannels: CHANNELS,
    textDim: TEXT_DIM,
    freqDim: 256,
    ffnDim: ffn,
    numLayers: layers,
    eps: 1e-6,
  };
}

/** Tokens of a step: of the video, and of the prompt. */
export function tokensOf({ grid }: StepShape): { tokens: number; textTokens: number } {
  return { tokens: grid[0] * grid[1] * grid[2], textTokens: TEXT_LENGTH };
}
