/** Which files a model's parts are in: named one by one, or found in a folder as the official release lays it out. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { WeightsError } from "../base/mod.ts";

/** A model's files; each is a file, an index or a folder. One transformer, or one for each expert. */
export interface ModelFiles {
  readonly transformer?: string | undefined;
  readonly high?: string | undefined;
  readonly low?: string | undefined;
  readonly vae: string;
  readonly textEncoder: string;
  /** A `tokenizer.json` or its folder. */
  readonly tokenizer: string;
}

/** Folders of the official release for models of two experts. */
const HIGH = "high_noise_model", LOW = "low_noise_model";
const VAE_NAME = /^wan[\w.-]*vae[\w.-]*\.(pth|safetensors)$/i;
const TEXT_ENCODER_NAME = /^(models_t5_)?umt5[\w.-]*\.(pth|safetensors)$/i;
const TOKENIZER = "google/umt5-xxl";

/** Whether a folder is laid out like the official repositories: a config of the transformer and no model_index.json. */
export function isOfficialFolder(path: string): boolean {
  return !existsSync(join(path, "model_index.json")) &&
    (existsSync(join(path, HIGH)) || existsSync(join(path, LOW)) || existsSync(join(path, "config.json")));
}

/**
 * The files of a folder laid out like Wan-AI/Wan2.2-T2V-A14B or Wan-AI/Wan2.2-TI2V-5B.
 * @throws {WeightsError} naming what it lacks
 */
export function officialFiles(path: string): ModelFiles {
  const names = readdirSync(path).sort();
  const lacks = (what: string): WeightsError =>
    new WeightsError(`Cannot open the model ${path}: it has no ${what}`, { cure: "download the folder again" });
  const find = (pattern: RegExp, what: string): string => {
    const found = names.filter((name) => pattern.test(name));
    const [name] = found;
    if (name === undefined) throw lacks(what);
    if (found.length === 1) return join(path, name);
    throw new WeightsError(`Cannot open the model ${path}: it has ${found.join(" and ")}`, {
      cure: "remove the one that is not wanted, or name the files one by one",
    });
  };
  const two = names.includes(HIGH) || names.includes(LOW);
  for (const folder of two ? [HIGH, LOW, TOKENIZER] : [TOKENIZER]) {
    if (!existsSync(join(path, folder))) throw lacks(folder);
  }
  return {
    ...(two ? { high: join(path, HIGH), low: join(path, LOW) } : { transformer: path }),
    vae: find(VAE_NAME, "VAE (Wan2.1_VAE.pth or Wan2.2_VAE.pth)"),
    textEncoder: find(TEXT_ENCODER_NAME, "text encoder (models_t5_umt5-xxl-enc-bf16.pth)"),
    tokenizer: join(path, TOKENIZER),
  };
}

/** The folder that a path is or lies in. */
export function folderOf(path: string): string {
  try {
    return statSync(path).isDirectory() ? path : join(path, "..");
  } catch {
    return join(path, ".."); // whoever opens it says what is wrong
  }
}
