/** The numbers of a model's part: as the config of its folder in diffusers layout says, else read off its file's shapes. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { WeightsError } from "../base/mod.ts";
import { openPart, type Weights } from "../weights/mod.ts";
import { readJson } from "./component.ts";
import { transformerJson, umt5Json, vaeJson } from "./config_json.ts";
import { inferTransformerConfig, inferUmt5Config, inferVaeConfig, type TransformerHints } from "./infer_config.ts";
import { folderOf, type ModelComponent, partOfComponent } from "./model_files.ts";
import { parseTransformerConfig, type TransformerConfig } from "./transformer/mod.ts";
import { parseUmt5Config, type Umt5Config } from "./umt5_config.ts";
import { parseVaeConfig, type VaeConfig } from "./vae/mod.ts";

/** The header entry in which files that wantune writes carry their config. */
export const CONFIG_METADATA = "wantune.model_config";

/** A part's numbers, and the same in diffusers' form. */
export interface PartConfig<T> {
  readonly config: T;
  /** As it stands in the part's folder, where it has one. */
  readonly json: unknown;
}

/** @throws {WeightsError} if the part cannot be read, is another one, or does not tell its numbers */
export function transformerConfigAt(path: string): PartConfig<TransformerConfig> {
  return configAt(path, {
    component: "transformer",
    parse: parseTransformerConfig,
    infer: (weights) => inferTransformerConfig(weights, { ...transformerHints(path, weights.metadata), name: path }),
    write: transformerJson,
  });
}

/** @throws {WeightsError} like `transformerConfigAt` */
export function vaeConfigAt(path: string): PartConfig<VaeConfig> {
  const infer = (weights: Weights): VaeConfig => inferVaeConfig(weights, { name: path });
  return configAt(path, { component: "vae", parse: parseVaeConfig, infer, write: vaeJson });
}

/** @throws {WeightsError} like `transformerConfigAt` */
export function umt5ConfigAt(path: string): PartConfig<Umt5Config> {
  const infer = (weights: Weights): Umt5Config => inferUmt5Config(weights, { name: path });
  return configAt(path, { component: "text_encoder", parse: parseUmt5Config, infer, write: umt5Json });
}

function configAt<T>(
  path: string,
  part: {
    component: ModelComponent;
    parse: (json: unknown, path: string) => T;
    infer: (weights: Weights) => T;
    write: (config: T) => unknown;
  },
): PartConfig<T> {
  const { component, parse, infer, write } = part;
  const file = join(path, "config.json");
  const json = hasConfig(path) ? readJson(file, `the model part ${path}`) : OFFICIAL;
  const open = (): Weights => openPart(path, partOfComponent(component)).weights;
  if (!officialSchema.safeParse(json).success) {
    try {
      return { config: parse(json, file), json };
    } catch (error) {
      using _weights = open(); // says it better where the folder holds another part
      throw error;
    }
  }
  using weights = open();
  const config = infer(weights);
  return { config, json: write(config) };
}

/** Official configs, which leave out what diffusers' have. */
const officialSchema = z.looseObject({ _class_name: z.literal("WanModel") });
const OFFICIAL = { _class_name: "WanModel" };

/** Whether a part is a folder with a config, or should be: one of a folder in diffusers layout. */
function hasConfig(path: string): boolean {
  const isFolder = existsSync(path) && statSync(path).isDirectory();
  return isFolder && (existsSync(join(path, "config.json")) || existsSync(join(path, "../model_index.json")));
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
