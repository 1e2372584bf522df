/**
 * A model in diffusers layout: `model_index.json` and a folder for each part. Opening it reads configs alone; parts are
 * loaded one at a time, as they need not fit into memory together.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { WeightsError } from "../base/mod.ts";
import type { Built } from "../nn/mod.ts";
import { type ModelPart, openPart, type Weights } from "../weights/mod.ts";
import { type PlaceOptions, readJson, type TransformerPlaceOptions } from "./component.ts";
import { schedulerJson } from "./config_json.ts";
import { Tokenizer } from "./tokenizer.ts";
import {
  loadTransformer,
  parseTransformerConfig,
  type TransformerConfig,
  type WanTransformer,
} from "./transformer/mod.ts";
import type { Umt5Encoder } from "./umt5.ts";
import { parseUmt5Config } from "./umt5_config.ts";
import { loadUmt5 } from "./umt5_load.ts";
import { loadVae, parseVaeConfig, vaeStrides, type WanVae } from "./vae/mod.ts";
import { detectVariants, hasPublishedSize, type Traits, type Variant, VARIANTS } from "./variant.ts";

const part = z.tuple([z.string().nullable(), z.string().nullable()]).optional();

const indexSchema = z.looseObject({
  _class_name: z.string(),
  boundary_ratio: z.number().nullish(),
  expand_timesteps: z.boolean().default(false),
  transformer_2: part,
});

const schedulerSchema = z.looseObject({ flow_shift: z.number().positive().optional(), shift: z.number().optional() });

const PIPELINES = ["WanPipeline", "WanImageToVideoPipeline"];
const CURE = "name the folder of a WAN 2.2 model in diffusers layout";

/** Which of a model's transformers: there is one, or one for high and one for low noise. */
export type Expert = "only" | "high" | "low";

/** The parts of a model that have weights, by their folders in diffusers layout. */
export type ModelComponent = "transformer" | "transformer_2" | "vae" | "text_encoder";

/** What a folder's configs say. */
type Facts = Pick<
  ModelFolder,
  | "path"
  | "variant"
  | "isPublishedSize"
  | "transformerConfig"
  | "latentChannels"
  | "spatialStride"
  | "temporalStride"
  | "boundary"
  | "shift"
>;

/** An opened model folder; see {@link openModelFolder}. */
export class ModelFolder {
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

  private constructor(fields: Facts) {
    this.path = fields.path;
    this.variant = fields.variant;
    this.isPublishedSize = fields.isPublishedSize;
    this.transformerConfig = fields.transformerConfig;
    this.latentChannels = fields.latentChannels;
    this.spatialStride = fields.spatialStride;
    this.temporalStride = fields.temporalStride;
    this.boundary = fields.boundary;
    this.shift = fields.shift;
  }

  /**
   * Reads a folder's configs and tells its variant.
   * @param options.variant the variant it must be of; any if absent or "auto"
   * @throws {WeightsError} if it is no such folder, a part is missing, parts do not fit, or the variant is not known or
   *   not the one wanted
   */
  static open(path: string, options: { variant?: string } = {}): ModelFolder {
    const index = readIndex(path);
    const hasTwo = index.transformer_2?.[1] !== undefined && index.transformer_2[1] !== null;
    for (const name of ["transformer", ...(hasTwo ? ["transformer_2"] : []), "vae", "text_encoder", "tokenizer"]) {
      if (existsSync(join(path, name))) continue;
      throw new WeightsError(`Cannot open the model ${path}: it has no folder ${name}`, {
        cure: "download the folder again",
      });
    }
    const config = <T>(name: string, parse: (json: unknown, path: string) => T): T => {
      const file = join(path, name, "config.json");
      return parse(readJson(file, `the model ${path}`), file);
    };
    const transformer = config("transformer", parseTransformerConfig);
    if (hasTwo && JSON.stringify(config("transformer_2", parseTransformerConfig)) !== JSON.stringify(transformer)) {
      throw misfit(path, "the two transformers differ in size");
    }
    const vae = config("vae", parseVaeConfig);
    const text = config("text_encoder", parseUmt5Config);
    if (transformer.outChannels !== vae.latentChannels) {
      throw misfit(path, `the transformer has ${transformer.outChannels} channels, the VAE ${vae.latentChannels}`);
    }
    if (transformer.textDim !== text.width) {
      throw misfit(path, `the transformer takes text of width ${transformer.textDim}, the encoder's is ${text.width}`);
    }
    const geometry = { latentChannels: vae.latentChannels, ...vaeStrides(vae) };
    const variant = variantOf(path, {
      experts: hasTwo ? 2 : 1,
      perTokenTimesteps: index.expand_timesteps,
      transformer,
      vae: geometry,
      wanted: options.variant ?? "auto",
    });
    const boundary = hasTwo ? index.boundary_ratio ?? variant.boundary : null;
    const isPublishedSize = hasPublishedSize(variant, transformer);
    const shift = isPublishedSize ? variant.inference.shift : shiftOf(path) ?? variant.inference.shift;
    return new ModelFolder({
      path,
      variant,
      isPublishedSize,
      transformerConfig: transformer,
      ...geometry,
      boundary,
      shift,
    });
  }

  /** Pixels that the sides of a video must be multiples of: those of a latent position times the patch. */
  get spatialDivisor(): number {
    return this.spatialStride * this.transformerConfig.patchSize[1];
  }

  /** The parts of the model that have weights. */
  get components(): readonly ModelComponent[] {
    const experts = this.boundary === null ? ["transformer"] as const : ["transformer", "transformer_2"] as const;
    return [...experts, "vae", "text_encoder"];
  }

  /** The folder or file of the tokenizer. */
  get tokenizerPath(): string {
    return join(this.path, "tokenizer");
  }

  /** The weights of a part under diffusers' names. @throws {WeightsError} if they cannot be read */
  openWeights(component: ModelComponent): Weights {
    return openPart(join(this.path, component), partOfComponent(component)).weights;
  }

  /** The configs of the diffusers layout: of a part, of the scheduler, or the index. @throws {WeightsError} if one is damaged */
  configJson(of: ModelComponent | "scheduler" | "index"): unknown {
    const what = `the model ${this.path}`;
    if (of === "index") return readJson(join(this.path, "model_index.json"), what);
    if (of !== "scheduler") return readJson(join(this.path, of, "config.json"), what);
    const path = join(this.path, "scheduler/scheduler_config.json");
    return existsSync(path) ? readJson(path, what) : schedulerJson(this.shift);
  }

  /** @throws {WeightsError} like `Tokenizer.fromFile` */
  loadTokenizer(): Tokenizer {
    return Tokenizer.fromFile(this.tokenizerPath);
  }

  /** In the stored type unless said otherwise, but never float16. @throws {WeightsError} like `loadUmt5` */
  loadTextEncoder(options: PlaceOptions = {}): Umt5Encoder {
    return loadUmt5(join(this.path, "text_encoder"), options);
  }

  /** In float32 unless said otherwise. @throws {WeightsError} like `loadVae` */
  loadVae(options: PlaceOptions = {}): WanVae {
    return loadVae(join(this.path, "vae"), options);
  }

  /**
   * In float32 unless said otherwise.
   * @throws {WeightsError} like `loadTransformer`
   * @throws {RangeError} for an expert that the variant does not have
   */
  loadTransformer(options: TransformerPlaceOptions & { expert?: Expert } = {}): Built<WanTransformer> {
    const { expert = "only", dtype = "float32", ...place } = options;
    if ((expert === "only") !== (this.variant.experts === 1)) {
      throw new RangeError(`${this.variant.title} has no transformer called "${expert}"`);
    }
    return loadTransformer(join(this.path, expert === "low" ? "transformer_2" : "transformer"), { ...place, dtype });
  }
}

/** What a component is. */
export function partOfComponent(component: ModelComponent): ModelPart {
  return component === "transformer_2" ? "transformer" : component;
}

/** Opens a model in diffusers layout. Options and errors as of `ModelFolder.open`. */
export function openModelFolder(path: string, options: { variant?: string } = {}): ModelFolder {
  return ModelFolder.open(path, options);
}

function readIndex(path: string): z.infer<typeof indexSchema> {
  const file = join(path, "model_index.json");
  if (!existsSync(file)) {
    throw new WeightsError(`Cannot open the model ${path}: there is no model_index.json`, { cure: CURE });
  }
  const parsed = indexSchema.safeParse(readJson(file, `the model ${path}`));
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
    throw new WeightsError(`Cannot open the model ${path}: its model_index.json is wrong: ${problems}`, { cure: CURE });
  }
  const name = parsed.data._class_name;
  if (PIPELINES.includes(name)) return parsed.data;
  throw new WeightsError(`Cannot open the model ${path}: it is a ${name}, not a ${PIPELINES.join(" or ")}`, {
    cure: CURE,
  });
}

/**
 * The variant that a model's traits tell, or the one wanted if they allow it.
 * @param path the model, for messages
 * @throws {WeightsError} if there is none, or it is not the one wanted
 */
export function variantOf(path: string, { wanted, ...traits }: Traits & { wanted: string }): Variant {
  const possible = detectVariants(traits);
  const [likeliest] = possible;
  const { experts, transformer: { inChannels, outChannels } } = traits;
  if (likeliest === undefined) {
    throw new WeightsError(
      `Cannot open the model ${path}: ${experts === 2 ? "two transformers" : "one transformer"} with ` +
        `${inChannels} channels in and ${outChannels} out is no variant that wantune knows`,
      { cure: `use one of: ${VARIANTS.map(({ title }) => title).join(", ")}` },
    );
  }
  const found = wanted === "auto" ? likeliest : possible.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  const names = possible.map(({ name }) => name);
  throw new WeightsError(`Cannot open the model ${path} as ${wanted}: its configs are those of ${names.join(" or ")}`, {
    cure: `set model.variant to "auto" or "${likeliest.name}"`,
  });
}

function shiftOf(path: string): number | undefined {
  const file = join(path, "scheduler/scheduler_config.json");
  if (!existsSync(file)) return undefined;
  const parsed = schedulerSchema.safeParse(readJson(file, "the scheduler's config"));
  return parsed.success ? parsed.data.flow_shift ?? parsed.data.shift : undefined;
}

/** The refusal of a model whose parts are of different models. */
export function misfit(path: string, fact: string): WeightsError {
  return new WeightsError(`Cannot open the model ${path}: its parts do not fit, ${fact}`, {
    cure: "take all parts from one model",
  });
}
