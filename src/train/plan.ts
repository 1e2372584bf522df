/** Which blocks keep their graph from forward to backward: as the config says, or as many as fit. */
import type { MemoryConfig } from "../config/mod.ts";
import type { BlockPlan } from "../parallel/mod.ts";
import { type Device, type DType, dtypeSize } from "../torch/mod.ts";
import type { TransformerConfig } from "../wan/mod.ts";

/** Share of the free memory that graphs may fill; the rest is for the optimizer, samples and the system. */
const SHARE = 0.5;

/** What decides how much a kept block costs. */
export interface PlanFacts {
  readonly transformer: TransformerConfig;
  readonly dtype: DType;
  readonly device: Device;
  /** Tokens of the largest batch: batch size × tokens of a clip */
  readonly numTokens: number;
  /** Bytes free now on the device */
  readonly freeBytes: number;
}

/**
 * The bytes a kept block's graph holds: 40 · C + 6 · ffn values a token in the model's dtype and 12 · C in float32. An
 * estimate for unfused normalisation and modulation; no attention scores are kept.
 */
export function keptBytes({ transformer: { width, ffnDim }, dtype, numTokens }: PlanFacts): number {
  return numTokens * ((40 * width + 6 * ffnDim) * dtypeSize(dtype) + 12 * width * 4);
}

/** One entry for each block; the last blocks are kept first, as their graphs live shortest. */
export function makePlan(blocks: MemoryConfig["blocks"], facts: PlanFacts): BlockPlan[] {
  const { numLayers } = facts.transformer;
  const fitting = Math.floor(SHARE * facts.freeBytes / keptBytes(facts));
  const kept = blocks === "keep" ? numLayers : blocks === "recompute" ? 0 : blocks === "auto" ? fitting : blocks;
  return Array.from({ length: numLayers }, (_, i) => i >= numLayers - kept ? "keep" : "recompute");
}
