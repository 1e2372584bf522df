/**
 * A model wherever its parts lie: a folder in diffusers layout, a folder of the official release, or separate files. Opening
 * reads configs and headers alone. What comes back has one form, so that nobody else need know the difference.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { ConfigError, WeightsError } from "../base/mod.ts";
import type { Built } from "../nn/mod.ts";
import { type ModelPart, type OpenPart, openPart, type Weights } from "../weights/mod.ts";
import { type PlaceOptions, readJson, type TransformerPlaceOptions } from "./component.ts";
import { inferTransformerConfig, inferUmt5Config, inferVaeConfig, type TransformerHints } from "./infer_config.ts";
import { folderOf, isOfficialFolder, type ModelFiles, officialFiles } from "./model_files.ts";
import { indexJson, schedulerJson, transformerJson, umt5Json, vaeJson } from "./config_json.ts";
import { type Expert, misfit, type ModelComponent, ModelFolder, partOfComponent, variantOf } from "./model_folder.ts";
import { Tokenizer } from "./tokenizer.ts";
import { buildTransformer, type TransformerConfig, type WanTransformer } from "./transformer/mod.ts";
import type { Umt5Encoder } from "./umt5.ts";
import type { Umt5Config } from "./umt5_config.ts";
import { buildUmt5 } from "./umt5_load.ts";
import { buildVae, type VaeConfig, vaeStrides, type WanVae } from "./vae/mod.ts";
import { hasPublishedSize, type Variant } from "./variant.ts";

/** An opened model, as `ModelFolder` has it. */
export type ModelSource = Pick<ModelFolder, keyof ModelFolder>;

/** The header entry in which files that wantune writes carry their config. */
export const CONFIG_METADATA = "wantune.model_config";

/**
 * Opens a model.
 * @param where a folder in diffusers layout or of the official release, or the files one by one
 * @param options.variant the variant it must be of; any if absent or "auto"
 * @throws {WeightsError} if something is missing, is not what it should be, or does not fit the rest
 * @throws {ConfigError} for files that name no transformer, or one expert without the other
 */
export function openModel(where: string | ModelFiles, options: { variant?: string } = {}): ModelSource {
  if (typeof where !== "string") return ModelParts.open(where, { ...options, path: "given as separate files" });
  if (isOfficialFolder(where)) return ModelParts.open(officialFiles(where), { ...options, path: where });
  return ModelFolder.open(where, options);
}

/** What the parts of a model say about themselves. */
interface Facts {
  readonly path: string;
  readonly variant: Variant;
  readonly transformerConfig: TransformerConfig;
  readonly vaeConfig: VaeConfig;
  readonly textConfig: Umt5Config;
}

/** A model of separate files. */
class ModelParts implements ModelSource {
  readonly path: string;
  readonly variant: Variant;
  readonly isPublishedSize: boolean;
  readonly transformerConfig: TransformerConfig;
  readonly latentChannels: number;
  readonly spatialStride: number;
  readonly temporalStride: number;
  readonly boundary: number | null;
  readonly shift: number;
  readonly #files: ModelFiles;
  readonly #vaeConfig: VaeConfig;
  readonly #textConfig: Umt5Config;

  private constructor(files: ModelFiles, facts: Facts) {
    const { spatialStride, temporalStride } = vaeStrides(facts.vaeConfig);
    this.path = facts.path;
    this.variant = facts.variant;
    this.isPublishedSize = hasPublishedSize(facts.variant, facts.transformerConfig);
    this.transformerConfig = facts.transformerConfig;
    this.latentChannels = facts.vaeConfig.latentChannels;
    this.spatialStride = spatialStride;
    this.temporalStride = temporalStride;
    this.boundary = facts.variant.boundary;
    this.shift = facts.variant.inference.shift;
    this.#files = files;
    this.#vaeConfig = facts.vaeConfig;
    this.#textConfig = facts.textConfig;
  }

  static open(files: ModelFiles, { path, variant: wanted = "auto" }: { path: string; variant?: string }): ModelParts {
    const { transformer, high, low } = files;
    if ((transformer === undefined) === (high === undefined || low === undefined)) {
      throw new ConfigError(`Cannot open the model ${path}: it needs one transformer, or one of each expert`, {
        cure: "name the transformer alone, or the high-noise and the low-noise one",
      });
    }
    const configs = [transformer, high, low].filter((file) => file !== undefined).map(transformerConfigOf);
    const [transformerConfig, other = transformerConfig] = configs as [TransformerConfig, TransformerConfig?];
    if (JSON.stringify(other) !== JSON.stringify(transformerConfig)) {
      throw misfit(path, "the two transformers differ in size");
    }
    const vaeConfig = vaeConfigOf(files.vae), textConfig = textConfigOf(files.textEncoder);
    if (transformerConfig.outChannels !== vaeConfig.latentChannels) {
      const channels = `${transformerConfig.outChannels} channels, the VAE ${vaeConfig.latentChannels}`;
      throw misfit(path, `the transformer has ${channels}`);
    }
    if (transformerConfig.textDim !== textConfig.width) {
      const widths = `${transformerConfig.textDim}, the encoder's is ${textConfig.width}`;
      throw misfit(path, `the transformer takes text of width ${widths}`);
    }
    const variant = variantOf(path, {
      experts: configs.length === 2 ? 2 : 1,
      perTokenTimesteps: vaeConfig.isResidual, // of the published models, the one with this VAE
      transformer: transformerConfig,
      vae: { latentChannels: vaeConfig.latentChannels, ...vaeStrides(vaeConfig) },
      wanted,
    });
    return new ModelParts(files, { path, variant, transformerConfig, vaeConfig, textConfig });
  }

  get components(): readonly ModelComponent[] {
    const experts = this.boundary === null ? ["transformer"] as const : ["transformer", "transformer_2"] as const;
    return [...experts, "vae", "text_encoder"];
  }

  get tokenizerPath(): string {
    return this.#files.tokenizer;
  }

  openWeights(component: ModelComponent): Weights {
    return openPart(this.#fileOf(component), partOfComponent(component)).weights;
  }

  configJson(of: ModelComponent | "scheduler" | "index"): unknown {
    switch (of) {
      case "index":
        return indexJson(this.variant);
      case "scheduler":
        return schedulerJson(this.shift);
      case "vae":
        return vaeJson(this.#vaeConfig);
      case "text_encoder":
        return umt5Json(this.#textConfig);
      default:
        return transformerJson(this.transformerConfig);
    }
  }

  get spatialDivisor(): number {
    return this.spatialStride * this.transformerConfig.patchSize[1];
  }

  loadTokenizer(): Tokenizer {
    return Tokenizer.fromFile(this.tokenizerPath);
  }

  loadTextEncoder(options: PlaceOptions = {}): Umt5Encoder {
    using weights = this.openWeights("text_encoder");
    return buildUmt5(weights, { ...options, config: this.#textConfig, name: this.#fileOf("text_encoder") });
  }

  loadVae(options: PlaceOptions = {}): WanVae {
    using weights = this.openWeights("vae");
    return buildVae(weights, { ...options, config: this.#vaeConfig, name: this.#fileOf("vae") });
  }

  loadTransformer(options: TransformerPlaceOptions & { expert?: Expert } = {}): Built<WanTransformer> {
    const { expert = "only", dtype = "float32", ...place } = options;
    if ((expert === "only") !== (this.boundary === null)) {
      throw new RangeError(`${this.variant.title} has no transformer called "${expert}"`);
    }
    const component = expert === "low" ? "transformer_2" : "transformer";
    const file = {
      weights: this.openWeights(component),
      config: this.transformerConfig,
      name: this.#fileOf(component),
    };
    return buildTransformer(file, { ...place, dtype });
  }

  #fileOf(component: ModelComponent): string {
    const { transformer, high, low, vae, textEncoder } = this.#files;
    const files = { transformer: transformer ?? high, transformer_2: low, vae, text_encoder: textEncoder };
    const file = files[component];
    if (file === undefined) throw new RangeError(`${this.variant.title} has no ${component}`);
    return file;
  }
}

/** The numbers of a transformer's file. @throws {WeightsError} like `openPart` and `inferTransformerConfig` */
export function transformerConfigOf(path: string): TransformerConfig {
  return withPart(path, "transformer", ({ weights }) => {
    const hints = transformerHints(path, weights.metadata);
    return inferTransformerConfig(weights, { ...hints, name: path });
  });
}

function vaeConfigOf(path: string): VaeConfig {
  return withPart(path, "vae", ({ weights }) => inferVaeConfig(weights, { name: path }));
}

function textConfigOf(path: string): Umt5Config {
  return withPart(path, "text_encoder", ({ weights }) => inferUmt5Config(weights, { name: path }));
}

function withPart<T>(path: string, part: ModelPart, use: (open: OpenPart) => T): T {
  const open = openPart(path, part);
  using _weights = open.weights;
  return use(open);
}

const hintsSchema = z.looseObject({
  num_heads: z.int().positive().optional(), // official
  num_attention_heads: z.int().positive().optional(), // diffusers
  eps: z.number().positive().optional(),
});

/** What the file's own header says, or a transformer's config beside it. */
function transformerHints(path: string, metadata: ReadonlyMap<string, string>): TransformerHints {
  const own = metadata.get(CONFIG_METADATA);
  const beside = join(folderOf(path), "config.json");
  const json = own !== undefined ? parsed(own) : existsSync(beside) ? readJson(beside, "the transformer") : undefined;
  const hints = hintsSchema.safeParse(json);
  if (json === undefined) return {};
  if (!hints.success) {
    throw new WeightsError(`Cannot load the transformer from ${path}: its config is damaged`, {
      cure: own === undefined ? `repair ${beside}, or remove it` : "save the file again",
    });
  }
  return { numHeads: hints.data.num_heads ?? hints.data.num_attention_heads, eps: hints.data.eps };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
