/** What a part of a model is, from its names and shapes. */
import { basename } from "node:path";
import { messageOf, WeightsError } from "../../base/mod.ts";
import { checkParams } from "../../nn/mod.ts";
import { expertInName, type FoundPart, PART_TITLES, renamedWeights, type Weights } from "../../weights/mod.ts";
import { inferTransformerConfig, inferUmt5Config, inferVaeConfig } from "../infer_config.ts";
import { type TransformerConfig, transformerShapes } from "../transformer/mod.ts";
import { umt5Shapes } from "../umt5.ts";
import { vaeShapes } from "../vae/mod.ts";
import { VARIANTS } from "../variant.ts";

/** A part that a file holds. */
export interface DetectedPart {
  readonly part: FoundPart["part"];
  readonly naming: FoundPart["naming"];
  readonly prefix: string;
  /** Names of the variants that it may belong to; empty where none has its structure. */
  readonly variants: readonly string[];
  /** Whether it has the published size of these variants. */
  readonly isPublishedSize: boolean;
  /** `WAN 2.2 TI2V-5B transformer under the official names` */
  readonly title: string;
  /** What is missing, surplus or of another model; absent if nothing. */
  readonly problem?: string;
}

/** Models of the family that wantune does not have, by names that only they have. */
const RELATIVES: readonly [pattern: RegExp, title: string][] = [
  [/(^|\.)control_adapter\./, "a Fun Control-Camera model"],
  [/(^|\.)ref_conv\./, "a Fun Control model"],
  [/(^|\.)vace_/, "a VACE model"],
  [/(^|\.)(face_adapter|motion_encoder|pose_patch_embedding|face_encoder)\b/, "an Animate model"],
  [/(^|\.)(casual_audio_encoder|audio_injector|cond_encoder|frame_packer)\b/, "an S2V model"],
  [/(img_emb\.|image_embedder\.|\.k_img\.|\.add_k_proj\.)/, "a WAN 2.1 I2V model, which also sees through CLIP"],
];

/**
 * Describes a part.
 * @param weights the file's, under its own names
 */
export function describePart(weights: Weights, { found, path }: { found: FoundPart; path: string }): DetectedPart {
  const { part, naming, prefix, names, surplus } = found;
  const all = new Map([...names, ...surplus.map((key) => [key, key] as const)]);
  const view = renamedWeights(weights, all);
  const facts = factsOf(view, { part, path });
  const relative = RELATIVES.find(([pattern]) => [...all.values()].some((key) => pattern.test(key)))?.[1];
  const where = prefix === "" ? "" : ` with the prefix ${prefix}`;
  const family = naming === "original"
    ? "official names"
    : part === "text_encoder"
    ? "transformers' names"
    : "diffusers' names";
  const problem = relative === undefined ? facts.problem : `it is ${relative}, which wantune does not have`;
  return {
    part,
    naming,
    prefix,
    variants: relative === undefined ? facts.variants : [],
    isPublishedSize: facts.isPublishedSize,
    title: `${facts.title} under ${family}${where}`,
    ...(problem === undefined ? {} : { problem }),
  };
}

interface PartFacts {
  readonly title: string;
  readonly variants: readonly string[];
  readonly isPublishedSize: boolean;
  readonly problem?: string;
}

function factsOf(view: Weights, { part, path }: { part: FoundPart["part"]; path: string }): PartFacts {
  try {
    switch (part) {
      case "transformer":
        return transformerFacts(view, path);
      case "vae":
        return vaeFacts(view, path);
      case "text_encoder":
        return textFacts(view, path);
    }
  } catch (error) {
    if (!(error instanceof WeightsError)) throw error;
    return { title: PART_TITLES[part], variants: [], isPublishedSize: false, problem: messageOf(error) };
  }
}

function transformerFacts(view: Weights, path: string): PartFacts {
  const config = transformerOf(view, path);
  const { inChannels, outChannels, width, numLayers } = config;
  const alike = VARIANTS.filter(({ transformer: t }) => t.inChannels === inChannels && t.outChannels === outChannels);
  const exact = alike.filter(({ transformer: t }) =>
    t.numHeads * t.headDim === width && t.numLayers === numLayers && t.ffnDim === config.ffnDim
  );
  const variants = exact.length > 0 ? exact : alike;
  const titles = variants.map(({ title, experts }) => experts === 2 ? `one expert of ${title}` : title).join(" or ");
  const size = exact.length > 0 ? "" : ` in another size (${numLayers} blocks of width ${width})`;
  const expert = expertInName(basename(path)) ?? expertInName(path); // their shapes are equal
  const problem = variants.length === 0
    ? `no variant that wantune knows has ${inChannels} channels in and ${outChannels} out`
    : misfit(view, { shapes: transformerShapes(config), what: "the transformer", path });
  return {
    title: `the transformer of ${titles || "a WAN model"}${size}` +
      (expert !== undefined && variants.some(({ experts }) => experts === 2) ? ` (${expert} noise by its name)` : ""),
    variants: variants.map(({ name }) => name),
    isPublishedSize: exact.length > 0,
    ...(problem === undefined ? {} : { problem }),
  };
}

/** Heads do not show in shapes; where the width is no multiple of the published 128, one head stands for all. */
function transformerOf(view: Weights, name: string): TransformerConfig {
  const [width = 0] = view.has("patch_embedding.weight") ? view.shapeOf("patch_embedding.weight") : [];
  return inferTransformerConfig(view, { name, ...(width % 128 === 0 ? {} : { numHeads: 1 }) });
}

function vaeFacts(view: Weights, path: string): PartFacts {
  const config = inferVaeConfig(view, { name: path });
  const { latentChannels, isResidual, baseDim } = config;
  const variants = VARIANTS.filter(({ vae }) => vae.latentChannels === latentChannels).map(({ name }) => name);
  const published = baseDim === (isResidual ? 160 : 96);
  const problem = misfit(view, { shapes: vaeShapes(config), what: "the VAE", path });
  return {
    title: `the VAE of WAN ${isResidual ? "2.2" : "2.1"} (${latentChannels} latent channels)` +
      (published ? "" : ` in another size (${baseDim} channels)`),
    variants,
    isPublishedSize: published,
    ...(problem === undefined ? {} : { problem }),
  };
}

function textFacts(view: Weights, path: string): PartFacts {
  const config = inferUmt5Config(view, { name: path });
  const { width, numLayers } = config;
  const variants = VARIANTS.filter(({ transformer }) => transformer.textDim === width).map(({ name }) => name);
  const problem = misfit(view, { shapes: umt5Shapes(config), what: "the text encoder", path });
  return {
    title: variants.length > 0
      ? "the UMT5-XXL text encoder"
      : `a UMT5 text encoder (${numLayers} layers of width ${width})`,
    variants,
    isPublishedSize: variants.length > 0,
    ...(problem === undefined ? {} : { problem }),
  };
}

/** What is missing or surplus, in a sentence. */
function misfit(
  view: Weights,
  { shapes, what, path }: { shapes: ReadonlyMap<string, readonly number[]>; what: string; path: string },
): string | undefined {
  const shapeOf = (key: string): readonly number[] | undefined => view.has(key) ? view.shapeOf(key) : undefined;
  try {
    checkParams({ name: path, keys: () => view.keys(), shapeOf }, { shapes, what });
    return undefined;
  } catch (error) {
    if (!(error instanceof WeightsError)) throw error;
    return error.message.replace(/^Cannot load .*? from .*?: /, "").replace(/\.$/, "");
  }
}
