/**
 * Floating-point operations of the transformer, one multiplication with its addition counted as two. What is computed again
 * to save memory is not counted: these are the operations that the model needs, whatever the memory plan.
 * Letters: d width, f width of the feed-forward, N blocks, L tokens, S text tokens.
 */
import type { TransformerConfig } from "./transformer/mod.ts";

/** Operations of one forward pass of one sample, by kind. */
export interface ForwardFlops {
  /** Linear layers inside of blocks: N · (L · (12d² + 4df) + 4Sd²) */
  readonly linear: number;
  /** Products of queries, keys and values: N · (4L²d + 4SLd) */
  readonly attention: number;
  /** Embeddings and head */
  readonly other: number;
}

/** Operations of a forward pass. @param options.tokens after patching, L @param options.textTokens S, padding included */
export function forwardFlops(
  config: TransformerConfig,
  { tokens: L, textTokens: S }: { tokens: number; textTokens: number },
): ForwardFlops {
  const { width: d, ffnDim: f, numLayers: N, inChannels, outChannels, patchSize, textDim, freqDim } = config;
  const patch = patchSize[0] * patchSize[1] * patchSize[2];
  return {
    linear: N * (L * (12 * d * d + 4 * d * f) + 4 * S * d * d),
    attention: N * (4 * L * L * d + 4 * S * L * d),
    other: 2 * patch * L * d * (inChannels + outChannels) + 2 * S * (textDim * d + d * d) +
      2 * (freqDim * d + 7 * d * d),
  };
}

/** What is trained, as far as it counts operations. */
export interface TrainedSize {
  /** Numbers of adapters beside frozen layers: they are multiplied forward, and twice backward */
  readonly adapter?: number;
  /** Numbers of the model's own layers: their gradient is one product more */
  readonly own?: number;
}

/**
 * Operations of forward and backward of one sample: gradients of all inputs, and of the weights that are trained. Full
 * fine-tuning comes to three forward passes.
 */
export function trainingFlops(
  config: TransformerConfig,
  options: { tokens: number; textTokens: number; trained: TrainedSize },
): number {
  const { tokens, trained: { adapter = 0, own = 0 } } = options;
  const { linear, attention, other } = forwardFlops(config, options);
  return 2 * (linear + other) + 3 * attention + tokens * (6 * adapter + 2 * own);
}
