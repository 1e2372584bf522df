/** Where a model's parts lie: in a folder, or in files named one by one, also some of them beside a folder that has the rest. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { ConfigError } from "../base/mod.ts";
import type { ModelPart } from "../weights/mod.ts";
import type { DiffusersIndex } from "./diffusers_index.ts";
import { folderPlaces } from "./model_folder.ts";
import { carriesTokenizer } from "./tokenizer_file.ts";

/** A model's files; each is a file, an index or a folder. One transformer, or one for each expert. */
export interface ModelFiles {
  /** A folder in any layout, for the parts that are not named; absent: all are. */
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
  if (typeof where === "string") return folderPlaces(where);
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
