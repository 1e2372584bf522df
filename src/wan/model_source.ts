/**
 * A model wherever its parts lie: a folder in diffusers layout, a folder of the official release, or separate files. Opening
 * reads configs and headers alone; parts are loaded one at a time, as they need not fit into memory together.
 */
import { WeightsError } from "../base/mod.ts";
import { type Built, checkParams } from "../nn/mod.ts";
import type { DType } from "../torch/mod.ts";
import { openPart, type Weights } from "../weights/mod.ts";
import type { PlaceOptions, TransformerPlaceOptions } from "./component.ts";
import { indexJson, schedulerJson } from "./config_json.ts";
import { expertDoubts } from "./expert_files.ts";
import { type ModelComponent, type ModelFiles, type ModelPlaces, partOfComponent, placesOf } from "./model_files.ts";
import { type PartConfig, transformerConfigAt, umt5ConfigAt, vaeConfigAt } from "./part_config.ts";
import { publishedSizes } from "./published.ts";
import { Tokenizer } from "./tokenizer.ts";
import { buildTransformer, type TransformerConfig, transformerShapes, type WanTransformer } from "./transformer/mod.ts";
import { type Umt5Encoder, umt5Shapes } from "./umt5.ts";
import type { Umt5Config } from "./umt5_config.ts";
import { buildUmt5, umt5Dtype } from "./umt5_load.ts";
import { buildVae, type VaeConfig, vaeShapes, vaeStrides, type WanVae } from "./vae/mod.ts";
import { detectVariants, hasPublishedSize, type Traits, type Variant, VARIANTS } from "./variant.ts";

/** Which of a model's transformers: there is one, or one for high and one for low noise. */
export type Expert = "only" | "high" | "low";

const PART_WORDS: Record<ModelComponent, string> = {
  transformer: "transformer",
  transformer_2: "transformer",
  vae: "VAE",
  text_encoder: "text encoder",
};

/** What the parts of a model say about themselves. */
interface Configs {
  readonly transformer: PartConfig<TransformerConfig>;
  /** The low-noise expert's, which has the same numbers. */
  readonly transformer_2: PartConfig<TransformerConfig> | undefined;
  readonly vae: PartConfig<VaeConfig>;
  readonly text: PartConfig<Umt5Config>;
}

/** An opened model; see {@link openModel}. */
export class ModelSource {
  /** What it is called in messages: its folder. */
  readonly path: string;
  readonly variant: Variant;
  /** Whether its transformer has the published size: test models have the structure alone. */
  readonly isPublishedSize: boolean;
  readonly transformerConfig: TransformerConfig;
  readonly latentChannels: number;
  /** Pixels for a latent position along a side, and frames for a latent frame. */
  readonly spatialStride: number;
  readonly temporalStride: number;
  /** Share of time from which on the high-noise expert works; null with one transformer. */
  readonly boundary: number | null;
  /** The shift to sample with: the published one, or for models of another size what their scheduler's config says. */
  readonly shift: number;
  /** What is odd about its files, and may be meant; a sentence each. */
  readonly doubts: readonly string[];
  /** The parts of the model that have weights. */
  readonly components: readonly ModelComponent[];
  readonly #places: ModelPlaces;
  readonly #configs: Configs;

  private constructor(
    places: ModelPlaces,
    options: { configs: Configs; variant: Variant; doubts?: readonly string[] },
  ) {
    const { configs, variant, doubts = [] } = options;
    const { index } = places;
    const { spatialStride, temporalStride } = vaeStrides(configs.vae.config);
    this.path = places.name;
    this.doubts = doubts;
    this.variant = variant;
    this.transformerConfig = configs.transformer.config;
    this.isPublishedSize = hasPublishedSize(variant, this.transformerConfig);
    this.latentChannels = configs.vae.config.latentChannels;
    this.spatialStride = spatialStride;
    this.temporalStride = temporalStride;
    this.boundary = variant.experts === 1 ? null : index?.boundary ?? variant.boundary;
    this.shift = this.isPublishedSize ? variant.inference.shift : index?.shift ?? variant.inference.shift;
    const experts = variant.experts === 1 ? ["transformer"] as const : ["transformer", "transformer_2"] as const;
    this.components = [...experts, "vae", "text_encoder"];
    this.#places = places;
    this.#configs = configs;
  }

  /** See {@link openModel}. */
  static open(where: string | ModelFiles, { variant: wanted = "auto" }: { variant?: string } = {}): ModelSource {
    const places = placesOf(where);
    const { name, index } = places;
    const configs = {
      transformer: transformerConfigAt(places.transformer),
      transformer_2: places.transformer_2 === undefined ? undefined : transformerConfigAt(places.transformer_2),
      vae: vaeConfigAt(places.vae),
      text: umt5ConfigAt(places.text_encoder),
    };
    checkFit(name, configs);
    const { transformer, vae: { config: vae } } = configs;
    const variant = variantOf(name, {
      experts: places.transformer_2 === undefined ? 1 : 2,
      perTokenTimesteps: index?.perTokenTimesteps ?? vae.isResidual, // of the published models, the one with this VAE
      transformer: transformer.config,
      vae: { latentChannels: vae.latentChannels, ...vaeStrides(vae) },
      wanted,
    });
    return new ModelSource(places, { configs, variant, doubts: expertDoubts(places) });
  }

  /** A variant in its published sizes, without any file: good for measuring, nothing can be loaded. */
  static published(variant: Variant): ModelSource {
    const sizes = publishedSizes(variant);
    const part = <T>(config: T): PartConfig<T> => ({ config, json: {} });
    const transformer = part(sizes.transformer);
    const nowhere = { transformer: "", vae: "", text_encoder: "", tokenizer: "" };
    return new ModelSource({ ...nowhere, name: variant.title }, {
      configs: {
        transformer,
        transformer_2: variant.experts === 2 ? transformer : undefined,
        vae: part(sizes.vae),
        text: part(sizes.textEncoder),
      },
      variant,
    });
  }

  /** Pixels that the sides of a video must be multiples of: those of a latent position times the patch. */
  get spatialDivisor(): number {
    return this.spatialStride * this.transformerConfig.patchSize[1];
  }

  get vaeConfig(): VaeConfig {
    return this.#configs.vae.config;
  }

  get textEncoderConfig(): Umt5Config {
    return this.#configs.text.config;
  }

  /** Where a part lies: a file, an index or a folder. @throws {RangeError} for an expert that there is not */
  placeOf(part: ModelComponent | "tokenizer"): string {
    const place = this.#places[part];
    if (place === undefined) throw new RangeError(`${this.variant.title} has no ${part}`);
    return place;
  }

  /** The type that the text encoder is loaded in unless said otherwise. @throws {WeightsError} if its file cannot be read */
  get textEncoderDtype(): DType {
    if (this.#places.text_encoder === "") return "bfloat16"; // as it is published
    using weights = this.openWeights("text_encoder");
    return umt5Dtype(weights);
  }

  /** The weights of a part under diffusers' names. @throws {WeightsError} if they cannot be read */
  openWeights(component: ModelComponent): Weights {
    return openPart(this.placeOf(component), partOfComponent(component)).weights;
  }

  /** Names and shapes that the weights of a part must have. */
  shapesOf(component: ModelComponent): ReadonlyMap<string, readonly number[]> {
    const { transformer, vae, text } = this.#configs;
    if (component === "vae") return vaeShapes(vae.config);
    return component === "text_encoder" ? umt5Shapes(text.config) : transformerShapes(transformer.config);
  }

  /**
   * Compares every part's tensors with what they must be; none is read.
   * @throws {WeightsError} listing what is missing, surplus or of another shape
   */
  checkWeights(): void {
    for (const component of this.components) {
      using weights = this.openWeights(component);
      checkParams({
        name: this.placeOf(component),
        keys: () => weights.keys(),
        shapeOf: (key) => weights.has(key) ? weights.shapeOf(key) : undefined,
      }, { shapes: this.shapesOf(component), what: `the ${PART_WORDS[component]}` });
    }
  }

  /** The configs of the diffusers layout: of a part, of the scheduler, or the index. */
  configJson(of: ModelComponent | "scheduler" | "index"): unknown {
    const { transformer, transformer_2 = transformer, vae, text } = this.#configs;
    switch (of) {
      case "index":
        return this.#places.index?.json ?? indexJson(this.variant);
      case "scheduler":
        return this.#places.index?.schedulerJson ?? schedulerJson(this.shift);
      case "vae":
        return vae.json;
      case "text_encoder":
        return text.json;
      case "transformer":
        return transformer.json;
      case "transformer_2":
        return transformer_2.json;
    }
  }

  /** @throws {WeightsError} like `Tokenizer.fromFile` */
  loadTokenizer(): Tokenizer {
    return Tokenizer.fromFile(this.placeOf("tokenizer"));
  }

  /** In the stored type unless said otherwise, but never float16. @throws {WeightsError} like `buildUmt5` */
  loadTextEncoder(options: PlaceOptions = {}): Umt5Encoder {
    using weights = this.openWeights("text_encoder");
    return buildUmt5(weights, { ...options, config: this.#configs.text.config, name: this.placeOf("text_encoder") });
  }

  /** In float32 unless said otherwise. @throws {WeightsError} like `buildVae` */
  loadVae(options: PlaceOptions = {}): WanVae {
    using weights = this.openWeights("vae");
    return buildVae(weights, { ...options, config: this.#configs.vae.config, name: this.placeOf("vae") });
  }

  /**
   * In float32 unless said otherwise.
   * @throws {WeightsError} like `buildTransformer`
   * @throws {RangeError} for an expert that the variant does not have
   */
  loadTransformer(options: TransformerPlaceOptions & { expert?: Expert } = {}): Built<WanTransformer> {
    const { expert = "only", dtype = "float32", ...place } = options;
    if ((expert === "only") !== (this.variant.experts === 1)) {
      throw new RangeError(`${this.variant.title} has no transformer called "${expert}"`);
    }
    const component = expert === "low" ? "transformer_2" : "transformer";
    const weights = this.openWeights(component);
    const file = { weights, config: this.transformerConfig, name: this.placeOf(component) };
    return buildTransformer(file, { ...place, dtype });
  }
}

/**
 * Opens a model.
 * @param where a folder in diffusers layout or of the official release, or the files one by one
 * @param options.variant the variant it must be of; any if absent or "auto"
 * @throws {WeightsError} if something is missing, is not what it should be, or does not fit the rest
 * @throws {ConfigError} for files that name no transformer, one expert without the other, each for the other, or not every part
 */
export function openModel(where: string | ModelFiles, options: { variant?: string } = {}): ModelSource {
  return ModelSource.open(where, options);
}

/** Refuses parts that are of different models. @throws {WeightsError} */
function checkFit(
  name: string,
  { transformer: first, transformer_2: second, vae: { config: vae }, text }: Configs,
): void {
  const transformer = first.config;
  if (second !== undefined && JSON.stringify(second.config) !== JSON.stringify(transformer)) {
    throw misfit(name, "the two transformers differ in size");
  }
  if (transformer.outChannels !== vae.latentChannels) {
    throw misfit(name, `the transformer has ${transformer.outChannels} channels, the VAE ${vae.latentChannels}`);
  }
  if (transformer.textDim === text.config.width) return;
  const widths = `${transformer.textDim}, the encoder's is ${text.config.width}`;
  throw misfit(name, `the transformer takes text of width ${widths}`);
}

/**
 * The variant that a model's traits tell, or the one wanted if they allow it.
 * @throws {WeightsError} if there is none, or it is not the one wanted
 */
function variantOf(name: string, { wanted, ...traits }: Traits & { wanted: string }): Variant {
  const possible = detectVariants(traits);
  const [likeliest] = possible;
  const { experts, transformer: { inChannels, outChannels } } = traits;
  if (likeliest === undefined) {
    throw new WeightsError(
      `Cannot open the model ${name}: ${experts === 2 ? "two transformers" : "one transformer"} with ` +
        `${inChannels} channels in and ${outChannels} out is no variant that wantune knows`,
      { cure: `use one of: ${VARIANTS.map(({ title }) => title).join(", ")}` },
    );
  }
  const found = wanted === "auto" ? likeliest : possible.find((variant) => variant.name === wanted);
  if (found !== undefined) return found;
  const names = possible.map((variant) => variant.name);
  throw new WeightsError(`Cannot open the model ${name} as ${wanted}: its configs are those of ${names.join(" or ")}`, {
    cure: `set model.variant to "auto" or "${likeliest.name}"`,
  });
}

function misfit(name: string, fact: string): WeightsError {
  return new WeightsError(`Cannot open the model ${name}: its parts do not fit, ${fact}`, {
    cure: "take all parts from one model",
  });
}
