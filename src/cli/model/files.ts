/** The options that name a model: a folder, its files one by one, or files that take the place of some of a folder's. */
import { existsSync, statSync } from "node:fs";
import { Option } from "@commander-js/extra-typings";
import type { ModelFiles } from "../../wan/mod.ts";
import { nonEmpty } from "../sample/options.ts";

/** Parts that have a file of their own, with their options. */
export const PART_FLAGS = {
  transformer: "--transformer",
  highNoise: "--high-noise",
  lowNoise: "--low-noise",
  vae: "--vae",
  textEncoder: "--text-encoder",
  tokenizer: "--tokenizer",
} as const;

/** A part's name. */
export type PartName = keyof typeof PART_FLAGS;
export const PART_NAMES = ["transformer", "highNoise", "lowNoise", "vae", "textEncoder", "tokenizer"] as const;

/** What was named. */
export type ModelWishes = { readonly model?: string | undefined } & { readonly [P in PartName]?: string | undefined };

const PART_HELP: Record<PartName, string> = {
  transformer: "the model's transformer, in any layout and naming",
  highNoise: "the transformer for high noise, of a model of two",
  lowNoise: "the transformer for low noise, of a model of two",
  vae: "the VAE",
  textEncoder: "the UMT5 encoder",
  tokenizer: "tokenizer.json or its folder, or spiece.model; not needed where the text encoder's file carries it",
};

/** Adds the options of the parts; `--model` or an argument names the folder. */
export function addPartOptions(command: { addOption(option: Option): unknown }): void {
  for (const name of PART_NAMES) {
    command.addOption(new Option(`${PART_FLAGS[name]} <file>`, PART_HELP[name]).argParser(nonEmpty) as Option);
  }
}

/**
 * Where the model is; undefined if nothing was named. A file in the place of the folder is the transformer, or where a
 * low-noise one is named the high-noise one.
 */
export function namedModel({ model, ...wishes }: ModelWishes): string | ModelFiles | undefined {
  const parts: Partial<Record<PartName, string>> = {};
  for (const name of PART_NAMES) if (wishes[name] !== undefined) parts[name] = wishes[name];
  const isFile = model !== undefined && existsSync(model) && statSync(model).isFile();
  if (Object.keys(parts).length === 0 && !isFile) return model;
  if (!isFile) return model === undefined ? parts : { folder: model, ...parts };
  return parts.lowNoise === undefined ? { transformer: model, ...parts } : { highNoise: model, ...parts };
}
