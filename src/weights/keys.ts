/**
 * The two names every part of a WAN transformer has: the official release's (also in ComfyUI, musubi-tuner and single
 * files) and diffusers', which this program speaks. The pairs are data: specs/keys/wan-transformer.json.
 */

import table from "../../specs/keys/wan-transformer.json" with { type: "json" };
import { NameTable } from "./name_table.ts";

/** Stands for a block's number in the table. */
const NUMBER = "{n}";

const NAMES = new NameTable(table);

/**
 * The diffusers name of an original one: of a module (`blocks.0.self_attn.q`), a parameter, or anything below a module
 * (`….q.lora_A.weight`). A leading `diffusion_model.` or `model.diffusion_model.` must be gone: see `stripPrefix`.
 * @returns undefined for a name that no WAN transformer has
 */
export function originalToDiffusers(key: string): string | undefined {
  return NAMES.toDiffusers(key);
}

/** The original name of a diffusers one; the inverse of `originalToDiffusers`. */
export function diffusersToOriginal(key: string): string | undefined {
  return NAMES.toOriginal(key);
}

/** An original name without the prefix that single-file checkpoints and ComfyUI put before it, and that prefix. */
export function stripPrefix(key: string): { prefix: string; key: string } {
  const prefix = table.prefixes.original.find((candidate) => key.startsWith(candidate)) ?? "";
  return { prefix, key: key.slice(prefix.length) };
}

/**
 * Finds the diffusers module that a kohya-style name means: the original path with `_` for `.`, which cannot be split
 * again without knowing the paths (`blocks_0_self_attn_q`).
 * @param name without `lora_unet_` and without what follows the first dot
 */
export function kohyaToDiffusers(name: string): string | undefined {
  if (name.includes(NUMBER)) return undefined;
  const number = /^blocks_(\d+)_/.exec(name)?.[1];
  const pattern = number === undefined ? name : name.replace(`blocks_${number}_`, `blocks_${NUMBER}_`);
  return KOHYA.get(pattern)?.replace(NUMBER, number ?? NUMBER);
}

/** The kohya-style name of a diffusers module, without `lora_unet_`. */
export function diffusersToKohya(module: string): string | undefined {
  return diffusersToOriginal(module)?.replaceAll(".", "_");
}

const KOHYA = new Map(
  table.names.map(([original = "", diffusers = ""]) => [original.replaceAll(".", "_"), diffusers]),
);
