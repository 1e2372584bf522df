/** The sizes of a model's parts: those of the published variants, and small ones of the same structure. */
import latents from "../../specs/wan/latents.json" with { type: "json" };
import umt5 from "../../specs/wan/umt5.json" with { type: "json" };
import vaes from "../../specs/wan/vae.json" with { type: "json" };
import type { TransformerConfig } from "./transformer/mod.ts";
import type { Umt5Config } from "./umt5_config.ts";
import type { VaeConfig } from "./vae/mod.ts";
import type { Variant } from "./variant.ts";

/** The shapes of a model's parts. Two transformers of a variant with two experts are alike. */
export interface ModelSizes {
  readonly transformer: TransformerConfig;
  readonly vae: VaeConfig;
  readonly textEncoder: Umt5Config;
}

/** Every published WAN transformer has it in all norms. */
const EPS = 1e-6;

/** The published sizes of a variant. */
export function publishedSizes(variant: Variant): ModelSizes {
  const { transformer: t } = variant;
  const { title: _title, ...textEncoder } = umt5;
  return { transformer: { ...t, width: t.numHeads * t.headDim, eps: EPS }, vae: publishedVae(variant), textEncoder };
}

/**
 * A model that is made, trained and sampled in seconds: what tells the variant (channels, patches, strides) is as
 * published, widths and depths are small. Its vocabulary has room for the demo's tokenizer.
 */
export function tinySizes(variant: Variant): ModelSizes {
  const published = publishedSizes(variant);
  const size = { numHeads: 4, headDim: 32, width: 128, ffnDim: 256, numLayers: 4, freqDim: 64, textDim: 64 };
  return {
    transformer: { ...published.transformer, ...size },
    vae: { ...published.vae, baseDim: 16, decoderBaseDim: 16, numResBlocks: 1 },
    textEncoder: {
      ...published.textEncoder,
      ...{ vocabSize: 1024, width: 64, headDim: 16, ffnDim: 128, numLayers: 2, numHeads: 4 },
    },
  };
}

function publishedVae(variant: Variant): VaeConfig {
  const kind = variant.vae.latentChannels === vaes["2.2"].latentChannels ? vaes["2.2"] : vaes["2.1"];
  const scale = kind === vaes["2.2"] ? latents["48"] : latents["16"];
  return { ...kind, latentsMean: scale.mean, latentsStd: scale.std };
}
