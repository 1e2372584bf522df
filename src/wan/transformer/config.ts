/** The numbers of a WAN transformer, as diffusers writes them into `transformer/config.json`. */
import { z } from "zod";
import { WeightsError } from "../../base/mod.ts";

const schema = z.object({
  patch_size: z.tuple([z.int().positive(), z.int().positive(), z.int().positive()]),
  num_attention_heads: z.int().positive(),
  attention_head_dim: z.int().positive(),
  in_channels: z.int().positive(),
  out_channels: z.int().positive(),
  text_dim: z.int().positive(),
  freq_dim: z.int().positive(),
  ffn_dim: z.int().positive(),
  num_layers: z.int().positive(),
  cross_attn_norm: z.literal(true),
  qk_norm: z.literal("rms_norm_across_heads"),
  eps: z.number().positive(),
  image_dim: z.null().optional(),
  added_kv_proj_dim: z.null().optional(),
});

/** Shape of one WAN transformer. Width is heads × head width. */
export interface TransformerConfig {
  readonly patchSize: readonly [number, number, number];
  readonly numHeads: number;
  readonly headDim: number;
  readonly width: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly textDim: number;
  readonly freqDim: number;
  readonly ffnDim: number;
  readonly numLayers: number;
  readonly eps: number;
}

/**
 * Reads a diffusers config.
 * @param json the parsed `config.json`
 * @param path named in errors
 * @throws {WeightsError} naming each field that is missing, wrong or describes a model wantune does not have
 */
export function parseTransformerConfig(json: unknown, path: string): TransformerConfig {
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
    throw new WeightsError(`Cannot read ${path} as a WAN transformer: ${problems}.`, {
      cure: "Use the transformer folder of a WAN 2.2 model in diffusers layout.",
    });
  }
  const c = parsed.data;
  return {
    patchSize: c.patch_size,
    numHeads: c.num_attention_heads,
    headDim: c.attention_head_dim,
    width: c.num_attention_heads * c.attention_head_dim,
    inChannels: c.in_channels,
    outChannels: c.out_channels,
    textDim: c.text_dim,
    freqDim: c.freq_dim,
    ffnDim: c.ffn_dim,
    numLayers: c.num_layers,
    eps: c.eps,
  };
}
