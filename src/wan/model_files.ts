/**
 * Where a model's parts lie: in a folder in diffusers layout, in a folder of the official release, or in files named one
 * by one, also some of them beside a folder that has the rest.
 */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { ConfigError, WeightsError } from "../base/mod.ts";
import type { ModelPart } from "../weights/mod.ts";
import { type DiffusersIndex, readDiffusersIndex } from "./diffusers_index.ts";
import { carriesTokenizer } from "./tokenizer_file.ts";

/** A model's files; each is a file, an index or a folder. One transformer, or one for each expert. */
export interface ModelFiles {
  /** A folder in either layout, for the parts that are not named; absent: all are. */
  readonly folder?: string | undefined;
  readonly transformer?: string | undefined;
  readonly highNoise?: string | undefined;
  readonly lowNoise?: string | undefined;
  readonly vae?: string | undefined;
  readonly textEncoder?: string | undefined;
  /** A `tokenizer.json`, its folder, or a `spiece.model`; absent: what the folder has, or the text encoder's file carries. */
  readonly tokenizer?: string | undefined;
}

/** The parts of a model that have weights, by their folders in diffusers layout. */
export type ModelComponent = "transformer" | "transformer_2" | "vae" | "text_encoder";

/** Everything that a model is loaded from. */
export interface ModelPlaces {
  /** What to call the model in messages. */
  readonly name: string;
  readonly transformer: string;
  /** The low-noise expert; absent in models of one transformer. */
  readonly transformer_2?: string;
  readonly vae: string;
  readonly text_encoder: string;
  readonly tokenizer: string;
  /** What the index of a folder in diffusers layout says about its own transformers. */
  readonly index?: DiffusersIndex;
}

/** Folders of the official release for models of two experts. */
const HIGH = "high_noise_model", LOW = "low_noise_model";
const VAE_NAME = /^wan[\w.-]*vae[\w.-]*\.(pth|safetensors)$/i;
const TEXT_ENCODER_NAME = /^(models_t5_)?umt5[\w.-]*\.(pth|safetensors)$/i;
const TOKENIZER = "google/umt5-xxl";

/** What a component is. */
export function partOfComponent(component: ModelComponent): ModelPart {
  return component === "transformer_2" ? "transformer" : component;
}

/**
 * Finds a model's parts.
 * @throws {WeightsError} naming what a folder lacks
 * @throws {ConfigError} for files that name no transformer, one expert without the other, or not every part
 */
export function placesOf(where: string | ModelFiles): ModelPlaces {
  if (typeof where === "string") return isOfficialFolder(where) ? officialPlaces(where) : diffusersPlaces(where);
  const { folder, transformer, highNoise, lowNoise, vae, textEncoder, tokenizer } = where;
  const base = folder === undefined ? undefined : placesOf(folder);
  const name = folder ?? "given as separate files";
  const transformers = transformersOf({ transformer, highNoise, lowNoise }, base);
  if (transformers === undefined) {
    throw new ConfigError(`Cannot open the model ${name}: it needs one transformer, or one of each expert`, {
      cure:
        "name the transformer alone, or the high-noise and the low-noise one; a folder of two experts has the other",
    });
  }
  const words = tokenizer ?? (textEncoder !== undefined && carriesTokenizer(textEncoder) ? textEncoder : undefined);
  const files = { vae, "text encoder": textEncoder, tokenizer: words };
  const missing = Object.entries(files).flatMap(([part, file]) => file === undefined ? [part] : []);
  if (base === undefined && missing.length > 0) {
    throw new ConfigError(`Cannot open the model ${name}: no ${missing.join(", no ")} was named`, {
      cure: "name each part's file, or a model's folder that has the rest",
    });
  }
  const parts = { vae: vae ?? base?.vae, text_encoder: textEncoder ?? base?.text_encoder };
  return defined({
    ...transformers,
    ...parts,
    name,
    tokenizer: words ?? base?.tokenizer,
  }) as unknown as ModelPlaces;
}

type Transformers = Pick<ModelPlaces, "transformer" | "transformer_2" | "index">;

/**
 * The transformers that were named, or a folder's; of a folder with two experts one may be named, and the other is the folder's.
 * Undefined where they make no model.
 */
function transformersOf(
  { transformer, highNoise, lowNoise }: Pick<ModelFiles, "transformer" | "highNoise" | "lowNoise">,
  base: ModelPlaces | undefined,
): Transformers | undefined {
  if (highNoise === undefined && lowNoise === undefined) return transformer === undefined ? base : { transformer };
  if (transformer !== undefined) return undefined;
  if (highNoise !== undefined && lowNoise !== undefined) return { transformer: highNoise, transformer_2: lowNoise };
  if (base?.transformer_2 === undefined) return undefined;
  return { ...base, transformer: highNoise ?? base.transformer, transformer_2: lowNoise ?? base.transformer_2 };
}

/** An object without its undefined members. */
function defined(object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

/** The folder that a path is or lies in. */
export function folderOf(path: string): string {
  try {
    return statSync(path).isDirectory() ? path : join(path, "..");
  } catch {
    return join(path, ".."); // whoever opens it says what is wrong
  }
}

/** Whether a folder is laid out like the official repositories: a config of the transformer and no model_index.json. */
function isOfficialFolder(path: string): boolean {
  return !existsSync(join(path, "model_index.json")) &&
    (existsSync(join(path, HIGH)) || existsSync(join(path, LOW)) || existsSync(join(path, "config.json")));
}

function diffusersPlaces(path: string): ModelPlaces {
  const index = readDiffusersIndex(path);
  for (const name of ["transformer", ...(index.hasTwo ? ["transformer_2"] : []), "vae", "text_encoder", "tokenizer"]) {
    if (!existsSync(join(path, name))) throw lacks(path, `folder ${name}`);
  }
  return {
    name: path,
    transformer: join(path, "transformer"),
    ...(index.hasTwo ? { transformer_2: join(path, "transformer_2") } : {}),
    vae: join(path, "vae"),
    text_encoder: join(path, "text_encoder"),
    tokenizer: join(path, "tokenizer"),
    index,
  };
}

/** Of a folder laid out like Wan-AI/Wan2.2-T2V-A14B or Wan-AI/Wan2.2-TI2V-5B. */
function officialPlaces(path: string): ModelPlaces {
  const names = readdirSync(path).sort();
  const find = (pattern: RegExp, what: string): string => {
    const found = names.filter((name) => pattern.test(name));
    const [name] = found;
    if (name === undefined) throw lacks(path, what);
    if (found.length === 1) return join(path, name);
    throw new WeightsError(`Cannot open the model ${path}: it has ${found.join(" and ")}`, {
      cure: "remove the one that is not wanted, or name the files one by one",
    });
  };
  const two = names.includes(HIGH) || names.includes(LOW);
  for (const folder of two ? [HIGH, LOW, TOKENIZER] : [TOKENIZER]) {
    if (!existsSync(join(path, folder))) throw lacks(path, folder);
  }
  return {
    name: path,
    ...(two ? { transformer: join(path, HIGH), transformer_2: join(path, LOW) } : { transformer: path }),
    vae: find(VAE_NAME, "VAE (Wan2.1_VAE.pth or Wan2.2_VAE.pth)"),
    text_encoder: find(TEXT_ENCODER_NAME, "text encoder (models_t5_umt5-xxl-enc-bf16.pth)"),
    tokenizer: join(path, TOKENIZER),
  };
}

function lacks(path: string, what: string): WeightsError {
  return new WeightsError(`Cannot open the model ${path}: it has no ${what}`, { cure: "download the folder again" });
}
