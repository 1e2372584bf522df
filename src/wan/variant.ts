/** The published variants of WAN: facts of specs/wan, read once and told apart by a folder's own configs. */
import i2vA14b from "../../specs/wan/i2v-a14b.json" with { type: "json" };
import shared from "../../specs/wan/shared.json" with { type: "json" };
import t2vA14b from "../../specs/wan/t2v-a14b.json" with { type: "json" };
import ti2v5b from "../../specs/wan/ti2v-5b.json" with { type: "json" };
import wan21T2v13b from "../../specs/wan/wan2.1-t2v-1.3b.json" with { type: "json" };
import wan21T2v14b from "../../specs/wan/wan2.1-t2v-14b.json" with { type: "json" };
import type { TransformerConfig } from "./transformer/mod.ts";

/** What a variant is sampled with unless someone says otherwise. */
export interface InferenceDefaults {
  readonly fps: number;
  readonly numFrames: number;
  /** Width and height in pixels. */
  readonly sizes: readonly (readonly [number, number])[];
  readonly steps: number;
  /** Of the only transformer, or of the high-noise expert. */
  readonly guidanceScale: number;
  /** Of the low-noise expert; absent with one transformer. */
  readonly lowNoiseGuidanceScale?: number;
  readonly shift: number;
  readonly negativePrompt: string;
}

/**
 * How a picture is given to a variant:
 * - `none`: not at all
 * - `first-frame`: as a clean first latent frame, whose tokens are at timestep 0; it may be left out
 * - `channels`: as input channels beside the noise; it must be given
 */
export type ImageInput = "none" | "first-frame" | "channels";

/** One variant. */
export interface Variant {
  /** `wan2.2-ti2v-5b` */
  readonly name: string;
  readonly title: string;
  readonly experts: 1 | 2;
  /** Share of time from which on the high-noise expert works; null with one expert. */
  readonly boundary: number | null;
  /** Whether tokens have timesteps of their own, so that a clean first frame can be given. */
  readonly perTokenTimesteps: boolean;
  readonly image: ImageInput;
  readonly textLength: number;
  readonly inference: InferenceDefaults;
  readonly transformer: Omit<TransformerConfig, "width" | "eps">;
  /** Parameters and tensors of one transformer. */
  readonly numParameters: number;
  readonly numTensors: number;
  readonly vae: { readonly latentChannels: number; readonly spatialStride: number; readonly temporalStride: number };
}

/** A file of specs/wan. */
interface Spec {
  readonly name: string;
  readonly title: string;
  readonly experts: number;
  readonly boundary: number | null;
  readonly perTokenTimesteps: boolean;
  readonly image: string;
  readonly transformer: typeof ti2v5b.transformer;
  readonly vae: Variant["vae"];
  readonly inference: Omit<InferenceDefaults, "sizes" | "negativePrompt"> & { readonly sizes: number[][] };
}

function fromSpec(spec: Spec): Variant {
  const { transformer: t, inference } = spec;
  return {
    name: spec.name,
    title: spec.title,
    experts: spec.experts === 2 ? 2 : 1,
    boundary: spec.boundary,
    perTokenTimesteps: spec.perTokenTimesteps,
    image: spec.image as ImageInput,
    textLength: shared.textLength,
    inference: {
      ...inference,
      sizes: inference.sizes.map(([width = 0, height = 0]) => [width, height] as const),
      negativePrompt: shared.negativePrompt,
    },
    transformer: {
      patchSize: t.patch_size as [number, number, number],
      numHeads: t.num_attention_heads,
      headDim: t.attention_head_dim,
      inChannels: t.in_channels,
      outChannels: t.out_channels,
      textDim: t.text_dim,
      freqDim: t.freq_dim,
      ffnDim: t.ffn_dim,
      numLayers: t.num_layers,
    },
    numParameters: t.parameters,
    numTensors: t.tensors,
    vae: spec.vae,
  };
}

/** All variants that wantune knows. */
export const VARIANTS: readonly Variant[] = [ti2v5b, t2vA14b, i2vA14b, wan21T2v13b, wan21T2v14b].map(fromSpec);

/** What of a folder's configs tells its variant. */
export interface Traits {
  readonly experts: 1 | 2;
  readonly perTokenTimesteps: boolean;
  readonly transformer: TransformerConfig;
  readonly vae: Variant["vae"];
}

/**
 * The variants a model can be of, the likeliest first: channels, patches, strides, experts and timesteps agree. Width and
 * depth may be others, as in models made for tests, but a variant of the same size comes first.
 */
export function detectVariants(traits: Traits): Variant[] {
  const { transformer } = traits;
  const alike = VARIANTS.filter((variant) =>
    variant.experts === traits.experts && variant.perTokenTimesteps === traits.perTokenTimesteps &&
    sameNumbers(variant.vae, traits.vae) &&
    variant.transformer.inChannels === transformer.inChannels &&
    variant.transformer.outChannels === transformer.outChannels &&
    variant.transformer.patchSize.join() === transformer.patchSize.join()
  );
  return alike.sort((a, b) => Number(hasPublishedSize(b, transformer)) - Number(hasPublishedSize(a, transformer)));
}

/** Whether a model has the published size of its variant. */
export function hasPublishedSize(variant: Variant, config: TransformerConfig): boolean {
  const { patchSize: _patches, ...numbers } = variant.transformer;
  return sameNumbers(numbers, config);
}

function sameNumbers<T extends object>(wanted: T, found: { readonly [K in keyof T]: unknown }): boolean {
  return (Object.keys(wanted) as (keyof T)[]).every((key) =>
    typeof wanted[key] !== "number" || wanted[key] === found[key]
  );
}
