/** The numbers of a UMT5 encoder, as transformers writes them into `text_encoder/config.json`. */
import { z } from "zod";
import { WeightsError } from "../base/mod.ts";

const size = z.int().positive();

const schema = z.object({
  model_type: z.literal("umt5"),
  vocab_size: size,
  d_model: size,
  d_kv: size,
  d_ff: size,
  num_layers: size,
  num_heads: size,
  feed_forward_proj: z.literal("gated-gelu"),
  relative_attention_num_buckets: size.multipleOf(4).default(32),
  relative_attention_max_distance: size.default(128),
  layer_norm_epsilon: z.number().positive().default(1e-6),
});

/** Shape of one encoder. */
export interface Umt5Config {
  /** Rows of the embedding; more than the tokenizer has tokens. */
  readonly vocabSize: number;
  readonly width: number;
  readonly headDim: number;
  readonly ffnDim: number;
  readonly numLayers: number;
  readonly numHeads: number;
  /** Rows of each layer's table of position biases: half for keys before the query, half for those behind it. */
  readonly numBuckets: number;
  /** From this distance on all positions share the last bucket. */
  readonly maxDistance: number;
  readonly eps: number;
}

/**
 * Reads a transformers config.
 * @param json the parsed `config.json`
 * @param path named in errors
 * @throws {WeightsError} naming each field that is missing, wrong or describes another model
 */
export function parseUmt5Config(json: unknown, path: string): Umt5Config {
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
    throw new WeightsError(`Cannot read ${path} as a UMT5 encoder: ${problems}`, {
      cure: "use the text_encoder folder of a WAN model in diffusers layout",
    });
  }
  const c = parsed.data;
  return {
    vocabSize: c.vocab_size,
    width: c.d_model,
    headDim: c.d_kv,
    ffnDim: c.d_ff,
    numLayers: c.num_layers,
    numHeads: c.num_heads,
    numBuckets: c.relative_attention_num_buckets,
    maxDistance: c.relative_attention_max_distance,
    eps: c.layer_norm_epsilon,
  };
}
