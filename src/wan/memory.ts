/**
 * How much memory a transformer's work takes, estimated from its numbers; the plan of a run measures instead. Letters: L
 * tokens, C width, F feed-forward width, N layers; bytes a number: b.
 */
import { latentSize, type VideoSize } from "./geometry.ts";
import { keepsFloat32, type TransformerConfig, transformerShapes } from "./transformer/mod.ts";

/** Bytes for one transformer, and one expert at a time. */
export interface MemoryEstimate {
  readonly weights: number;
  /** Weights and one block's work, without gradients. */
  readonly sample: number;
  /** Weights, every block's input, one block's forward and backward, and the adapter's own. */
  readonly trainLora: number;
  /** The same with gradient and moments of every weight and, below float32, a float32 copy of it. */
  readonly trainAll: number;
}

/** Rank of the adapter that estimates are for, on all linear layers of the blocks. */
export const ESTIMATE_RANK = 32;

/** Bytes a trained number takes with AdamW: 4 + 4 + 8 for itself, gradient, moments; in bfloat16 2 + 2 + 8 and a copy of 4. */
const TRAINED_BYTES = 16;

/**
 * The estimate for one video at a time.
 * @param options.elementBytes 2 for bfloat16, 4 for float32
 * Guessed from the inputs and outputs of a block's layers, with normalisations in one piece: good to a third or so.
 */
export function estimateMemory(
  config: TransformerConfig,
  options: { size: VideoSize; strides: { spatialStride: number; temporalStride: number }; elementBytes: 2 | 4 },
): MemoryEstimate {
  const { width: C, ffnDim: F, numLayers: N } = config;
  const b = options.elementBytes;
  const L = countTokens(config, options);
  const shapes = [...transformerShapes(config)];
  const count = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
  const numbers = shapes.reduce((sum, [, shape]) => sum + count(shape), 0);
  const weights = shapes.reduce((sum, [key, shape]) => sum + count(shape) * (keepsFloat32(key) ? 4 : b), 0);
  const forward = L * (b * (8 * C + 2 * F) + 12 * C); // q, k, v and their like, the hidden layer twice; float32 sums
  const backward = L * (b * (20 * C + 3 * F) + 12 * C);
  const inputs = N * L * C * b;
  const adapters = N * ESTIMATE_RANK * (8 * 2 * C + 2 * (C + F)) * TRAINED_BYTES;
  return {
    weights,
    sample: weights + forward,
    trainLora: weights + inputs + backward + adapters,
    trainAll: TRAINED_BYTES * numbers + inputs + backward,
  };
}

function countTokens(
  config: TransformerConfig,
  { size, strides }: { size: VideoSize; strides: { spatialStride: number; temporalStride: number } },
): number {
  const [pt, ph, pw] = config.patchSize;
  const [T = 1, h = 1, w = 1] = latentSize(size, { ...strides, spatialDivisor: strides.spatialStride * ph });
  return (T / pt) * (h / ph) * (w / pw);
}
