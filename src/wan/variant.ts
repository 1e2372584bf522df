/** The published variants of WAN: facts of specs/wan, read once and told apart by a folder's own configs. */
import ti2v5b from "../../specs/wan/ti2v-5b.json" with { type: "json" };
import type { TransformerConfig } from "./transformer/mod.ts";

/** What a variant is sampled with unless someone says otherwise. */
export interface InferenceDefaults {
  readonly fps: number;
  readonly numFrames: number;
  /** Width and height in pixels. */
  readonly sizes: readonly (readonly [number, number])[];
  readonly steps: number;
  readonly guidanceScale: number;
  readonly shift: number;
  readonly negativePrompt: string;
}

/** One variant. */
export interface Variant {
  /** `wan2.2-ti2v-5b` */
  readonly name: string;
  readonly title: string;
  readonly experts: 1 | 2;
  /** Share of time above which the high-noise expert works; null with one expert. */
  readonly boundary: number | null;
  /** Whether tokens have timesteps of their own, so that a clean first frame can be given. */
  readonly perTokenTimesteps: boolean;
  readonly textLength: number;
  readonly inference: InferenceDefaults;
  readonly transformer: Omit<TransformerConfig, "width" | "eps">;
  readonly vae: { readonly latentChannels: number; readonly spatialStride: number; readonly temporalStride: number };
}

type Spec = typeof ti2v5b;

function fromSpec(spec: Spec): Variant {
  const { transformer: t, inference } = spec;
  return {
    name: spec.name,
    title: spec.title,
    experts: spec.experts === 2 ? 2 : 1,
    boundary: spec.boundary,
    perTokenTimesteps: spec.perTokenTimesteps,
    textLength: spec.textLength,
    inference: { ...inference, sizes: inference.sizes.map(([width = 0, height = 0]) => [width, height] as const) },
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
    vae: spec.vae,
  };
}

/** All variants that wantune knows. */
export const VARIANTS: readonly Variant[] = [ti2v5b].map(fromSpec);

/** What of a folder's configs tells its variant. */
export interface Traits {
  readonly experts: 1 | 2;
  readonly perTokenTimesteps: boolean;
  readonly transformer: TransformerConfig;
  readonly vae: Variant["vae"];
}

/**
 * The variant a model is of: channels, patches, strides, experts and timesteps must agree; width and depth may be others,
 * as in models made for tests.
 */
export function detectVariant(traits: Traits): Variant | undefined {
  return VARIANTS.find((variant) =>
    variant.experts === traits.experts && variant.perTokenTimesteps === traits.perTokenTimesteps &&
    sameNumbers(variant.vae, traits.vae) &&
    variant.transformer.inChannels === traits.transformer.inChannels &&
    variant.transformer.outChannels === traits.transformer.outChannels &&
    variant.transformer.patchSize.join() === traits.transformer.patchSize.join()
  );
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
