/**
 * Where a model's parts lie in a folder: in diffusers layout, as in the official release, or single files side by side, as
 * `convert model --to original` writes them.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { listNames, WeightsError } from "../base/mod.ts";
import { expertInName } from "../weights/mod.ts";
import { readDiffusersIndex } from "./diffusers_index.ts";
import type { ModelPlaces } from "./model_files.ts";

/** Folders of the official release for models of two experts. */
const HIGH = "high_noise_model", LOW = "low_noise_model";
const VAE_NAME = /^wan[\w.-]*vae[\w.-]*\.(pth|safetensors)$/i;
const TEXT_ENCODER_NAME = /^(models_t5_)?umt5[\w.-]*\.(pth|safetensors)$/i;
const TOKENIZER = "google/umt5-xxl";

/**
 * Finds the parts in a model's folder.
 * @throws {WeightsError} naming what it lacks, or what it is instead
 */
export function folderPlaces(path: string): ModelPlaces {
  const has = (name: string): boolean => existsSync(join(path, name));
  if (!existsSync(path)) {
    throw cannot(path, "there is no such folder", "check the path, or fetch a model with `wantune model get`");
  }
  if (!statSync(path).isDirectory()) {
    throw cannot(path, "it is a file", "name the model's folder, or this file as its transformer, and each other part");
  }
  if (has("model_index.json")) return diffusersPlaces(path);
  if (has(HIGH) || has(LOW)) return officialPlaces(path);
  const part = partIn(path);
  if (part !== undefined) {
    const whole = has("../model_index.json") ? join(path, "..") : "the folder that has its model_index.json";
    throw cannot(path, `it is one part of a model, ${part}`, `name ${whole}, or each part's file`);
  }
  return has("config.json") ? officialPlaces(path) : singlePlaces(path);
}

/** Which part of a model in diffusers layout a folder is, by its config; undefined for the official config, or none. */
function partIn(path: string): string | undefined {
  try {
    const config = partSchema.parse(JSON.parse(readFileSync(join(path, "config.json"), "utf8")));
    return config._class_name === "WanModel" ? undefined : config._class_name ?? config.architectures?.[0];
  } catch {
    return undefined; // whoever needs it says what is wrong
  }
}

const partSchema = z.looseObject({
  _class_name: z.string().optional(),
  architectures: z.array(z.string()).optional(),
});

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

/** Of single files, told apart by their names; the text encoder's carries the tokenizer. */
function singlePlaces(path: string): ModelPlaces {
  const names = readdirSync(path).filter((name) => /\.(safetensors|pth)$/i.test(name)).sort();
  if (names.length === 0) return diffusersPlaces(path); // which says what it lacks
  const parts = new Map(names.map((name) => [partByName(name), join(path, name)]));
  const kinds = [...parts.keys()].sort().join(), two = kinds === "high,low,text,vae";
  if (parts.size < names.length || !(two || kinds === "text,transformer,vae")) {
    const files = listNames(names, { unit: "files" });
    throw cannot(
      path,
      `there is no model_index.json, nor one transformer or one of each expert with one VAE and one text encoder: ${files}`,
      "name each part's file: --transformer, or --high-noise and --low-noise, and --vae, --text-encoder, --tokenizer",
    );
  }
  const at = (part: string): string => parts.get(part) ?? "";
  return {
    name: path,
    ...(two ? { transformer: at("high"), transformer_2: at("low") } : { transformer: at("transformer") }),
    vae: at("vae"),
    text_encoder: at("text"),
    tokenizer: at("text"),
  };
}

function partByName(name: string): string {
  if (VAE_NAME.test(name)) return "vae";
  if (TEXT_ENCODER_NAME.test(name)) return "text";
  return expertInName(name) ?? "transformer";
}

function cannot(path: string, fact: string, cure: string): WeightsError {
  return new WeightsError(`Cannot open the model ${path}: ${fact}`, { cure });
}

function lacks(path: string, what: string): WeightsError {
  return cannot(path, `it has no ${what}`, "download the folder again");
}
