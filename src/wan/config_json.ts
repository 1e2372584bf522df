/**
 * The configs of the diffusers layout, written from what a model is. Keys that wantune has no use for have the values of the
 * published repositories.
 * Source: Wan-AI/Wan2.2-TI2V-5B-Diffusers and -T2V-A14B-Diffusers; diffusers scripts/convert_wan_to_diffusers.py
 */
import type { TransformerConfig } from "./transformer/mod.ts";
import type { Umt5Config } from "./umt5_config.ts";
import { type VaeConfig, vaeStrides } from "./vae/mod.ts";
import type { Variant } from "./variant.ts";

/** The version of diffusers whose classes read these configs. */
const VERSION = "0.35.0";

/** `transformer/config.json` */
export function transformerJson(config: TransformerConfig): Record<string, unknown> {
  return {
    _class_name: "WanTransformer3DModel",
    _diffusers_version: VERSION,
    added_kv_proj_dim: null,
    attention_head_dim: config.headDim,
    cross_attn_norm: true,
    eps: config.eps,
    ffn_dim: config.ffnDim,
    freq_dim: config.freqDim,
    image_dim: null,
    in_channels: config.inChannels,
    num_attention_heads: config.numHeads,
    num_layers: config.numLayers,
    out_channels: config.outChannels,
    patch_size: [...config.patchSize],
    pos_embed_seq_len: null,
    qk_norm: "rms_norm_across_heads",
    rope_max_seq_len: 1024,
    text_dim: config.textDim,
  };
}

/** `vae/config.json` */
export function vaeJson(config: VaeConfig): Record<string, unknown> {
  const { spatialStride, temporalStride } = vaeStrides(config);
  const pixels = 3 * config.patchSize ** 2;
  return {
    _class_name: "AutoencoderKLWan",
    _diffusers_version: VERSION,
    attn_scales: [],
    base_dim: config.baseDim,
    decoder_base_dim: config.decoderBaseDim,
    dim_mult: [...config.dimMult],
    dropout: 0,
    in_channels: pixels,
    is_residual: config.isResidual,
    latents_mean: [...config.latentsMean],
    latents_std: [...config.latentsStd],
    num_res_blocks: config.numResBlocks,
    out_channels: pixels,
    patch_size: config.patchSize === 1 ? null : config.patchSize,
    scale_factor_spatial: spatialStride,
    scale_factor_temporal: temporalStride,
    temperal_downsample: [...config.temporalDownsample], // diffusers spells it so
    z_dim: config.latentChannels,
  };
}

/** `text_encoder/config.json` */
export function umt5Json(config: Umt5Config): Record<string, unknown> {
  return {
    architectures: ["UMT5EncoderModel"],
    classifier_dropout: 0,
    d_ff: config.ffnDim,
    d_kv: config.headDim,
    d_model: config.width,
    decoder_start_token_id: 0,
    dense_act_fn: "gelu_new",
    dropout_rate: 0.1,
    eos_token_id: 1,
    feed_forward_proj: "gated-gelu",
    initializer_factor: 1,
    is_encoder_decoder: false,
    is_gated_act: true,
    layer_norm_epsilon: config.eps,
    model_type: "umt5",
    num_decoder_layers: config.numLayers,
    num_heads: config.numHeads,
    num_layers: config.numLayers,
    pad_token_id: 0,
    relative_attention_max_distance: config.maxDistance,
    relative_attention_num_buckets: config.numBuckets,
    tie_word_embeddings: false,
    use_cache: false,
    vocab_size: config.vocabSize,
  };
}

/** `scheduler/scheduler_config.json` */
export function schedulerJson(shift: number): Record<string, unknown> {
  return {
    _class_name: "UniPCMultistepScheduler",
    _diffusers_version: VERSION,
    final_sigmas_type: "zero",
    flow_shift: shift,
    lower_order_final: true,
    num_train_timesteps: 1000,
    predict_x0: true,
    prediction_type: "flow_prediction",
    solver_order: 2,
    solver_type: "bh2",
    timestep_spacing: "linspace",
    use_flow_sigmas: true,
  };
}

/** `model_index.json` */
export function indexJson(variant: Variant): Record<string, unknown> {
  const fromImage = variant.image === "channels";
  const two = variant.experts === 2;
  return {
    _class_name: fromImage ? "WanImageToVideoPipeline" : "WanPipeline",
    _diffusers_version: VERSION,
    boundary_ratio: variant.boundary,
    expand_timesteps: variant.perTokenTimesteps,
    ...(fromImage ? { image_encoder: [null, null], image_processor: [null, null] } : {}),
    scheduler: ["diffusers", "UniPCMultistepScheduler"],
    text_encoder: ["transformers", "UMT5EncoderModel"],
    tokenizer: ["transformers", "T5TokenizerFast"],
    transformer: ["diffusers", "WanTransformer3DModel"],
    transformer_2: two ? ["diffusers", "WanTransformer3DModel"] : [null, null],
    vae: ["diffusers", "AutoencoderKLWan"],
  };
}
