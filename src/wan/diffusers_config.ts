/**
 * The JSON files of a model folder in diffusers layout, as diffusers and transformers write them; what our own parsers
 * read back is what went in.
 * Source: huggingface/diffusers transformer_wan.py, autoencoder_kl_wan.py, pipeline_wan.py and scheduling_unipc_multistep.py;
 * huggingface/transformers configuration_umt5.py.
 */
import type { TransformerConfig } from "./transformer/mod.ts";
import type { Umt5Config } from "./umt5_config.ts";
import { type VaeConfig, vaeStrides } from "./vae/mod.ts";
import type { Variant } from "./variant.ts";

/** The first release whose pipelines know all of WAN 2.2. */
const DIFFUSERS = { _diffusers_version: "0.35.0" };

/** `transformer/config.json` */
export function transformerJson(config: TransformerConfig): Record<string, unknown> {
  return {
    _class_name: "WanTransformer3DModel",
    ...DIFFUSERS,
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
    patch_size: config.patchSize,
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
    ...DIFFUSERS,
    attn_scales: [],
    base_dim: config.baseDim,
    decoder_base_dim: config.decoderBaseDim,
    dim_mult: config.dimMult,
    dropout: 0,
    in_channels: pixels,
    is_residual: config.isResidual,
    latents_mean: config.latentsMean,
    latents_std: config.latentsStd,
    num_res_blocks: config.numResBlocks,
    out_channels: pixels,
    patch_size: config.patchSize === 1 ? null : config.patchSize,
    scale_factor_spatial: spatialStride,
    scale_factor_temporal: temporalStride,
    temperal_downsample: config.temporalDownsample,
    z_dim: config.latentChannels,
  };
}

/** `text_encoder/config.json` */
export function umt5Json(config: Umt5Config, options: { dtype: string }): Record<string, unknown> {
  return {
    architectures: ["UMT5EncoderModel"],
    d_ff: config.ffnDim,
    d_kv: config.headDim,
    d_model: config.width,
    decoder_start_token_id: 0,
    dense_act_fn: "gelu_new",
    dropout_rate: 0.1,
    eos_token_id: 1,
    feed_forward_proj: "gated-gelu",
    is_encoder_decoder: true,
    is_gated_act: true,
    layer_norm_epsilon: config.eps,
    model_type: "umt5",
    num_decoder_layers: config.numLayers,
    num_heads: config.numHeads,
    num_layers: config.numLayers,
    pad_token_id: 0,
    relative_attention_max_distance: config.maxDistance,
    relative_attention_num_buckets: config.numBuckets,
    torch_dtype: options.dtype,
    vocab_size: config.vocabSize,
  };
}

/** `scheduler/scheduler_config.json` */
export function schedulerJson(options: { shift: number }): Record<string, unknown> {
  return {
    _class_name: "UniPCMultistepScheduler",
    ...DIFFUSERS,
    disable_corrector: [],
    final_sigmas_type: "zero",
    flow_shift: options.shift,
    lower_order_final: true,
    num_train_timesteps: 1000,
    predict_x0: true,
    prediction_type: "flow_prediction",
    solver_order: 2,
    solver_type: "bh2",
    thresholding: false,
    timestep_spacing: "linspace",
    use_flow_sigmas: true,
  };
}

/** `model_index.json` */
export function modelIndexJson(variant: Variant): Record<string, unknown> {
  const transformer = ["diffusers", "WanTransformer3DModel"];
  const nothing = [null, null];
  const fromImage = variant.image === "channels";
  return {
    _class_name: fromImage ? "WanImageToVideoPipeline" : "WanPipeline",
    ...DIFFUSERS,
    boundary_ratio: variant.boundary,
    expand_timesteps: variant.perTokenTimesteps,
    ...(fromImage ? { image_encoder: nothing, image_processor: nothing } : {}),
    scheduler: ["diffusers", "UniPCMultistepScheduler"],
    text_encoder: ["transformers", "UMT5EncoderModel"],
    tokenizer: ["transformers", "T5TokenizerFast"],
    transformer,
    transformer_2: variant.experts === 2 ? transformer : nothing,
    vae: ["diffusers", "AutoencoderKLWan"],
  };
}
