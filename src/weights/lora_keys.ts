/**
 * The names that LoRA files use. A key has three parts: which model (`transformer.`, `diffusion_model.`, `lora_unet_`, or
 * nothing), which module under diffusers' or the official name, and which part of the adapter.
 *
 * Sources: diffusers src/diffusers/loaders/lora_conversion_utils.py (Wan functions), ComfyUI comfy/lora.py and
 * comfy/weight_adapter/lora.py, musubi-tuner src/musubi_tuner/networks/lora_wan.py.
 */

import { diffusersToOriginal, kohyaToDiffusers, originalToDiffusers, stripPrefix } from "./keys.ts";

/** The model of a diffusers pipeline that an adapter belongs to: `transformer_2` is the low-noise expert of two. */
export type LoraComponent = "transformer" | "transformer_2";

/** A key of a LoRA file, understood. */
export interface LoraKey {
  /** Undefined where the file does not say (all forms but diffusers'). */
  readonly component: LoraComponent | undefined;
  /** diffusers path of the module, such as `blocks.0.attn1.to_q`. */
  readonly module: string;
  readonly part: "down" | "up" | "alpha";
  /** Whether a missing or zero alpha counts as the rank (musubi-tuner), or zero is a factor of zero. */
  readonly kohya: boolean;
}

const PARTS: readonly [ending: string, part: LoraKey["part"]][] = [
  [".lora_A.weight", "down"],
  [".lora_A.default.weight", "down"],
  [".lora_down.weight", "down"],
  [".lora_B.weight", "up"],
  [".lora_B.default.weight", "up"],
  [".lora_up.weight", "up"],
  [".alpha", "alpha"],
];

/** Takes a key of a LoRA file apart; undefined if it is none that this program can apply. */
export function parseLoraKey(key: string): LoraKey | undefined {
  const [ending = "", part = "alpha"] = PARTS.find(([candidate]) => key.endsWith(candidate)) ?? [];
  if (ending === "") return undefined;
  const path = key.slice(0, -ending.length);
  if (path.startsWith("lora_unet_")) {
    const module = kohyaToDiffusers(path.slice("lora_unet_".length));
    return module === undefined ? undefined : { component: undefined, module, part, kohya: true };
  }
  const component = /^(transformer|transformer_2)\./.exec(path)?.[1] as LoraComponent | undefined;
  const bare = component === undefined ? stripPrefix(path).key : path.slice(component.length + 1);
  const module = isDiffusersModule(bare) ? bare : component === undefined ? originalToDiffusers(bare) : undefined;
  return module === undefined ? undefined : { component, module, part, kohya: false };
}

function isDiffusersModule(path: string): boolean {
  return diffusersToOriginal(path) !== undefined;
}

/** What kind of adapter a key belongs to that is not understood; for messages. */
export function foreignKind(key: string): string {
  if (/\.lokr_/.test(key)) return "LoKr";
  if (/\.hada_/.test(key)) return "LoHa";
  if (/\.(dora_scale|lora_magnitude_vector)/.test(key)) return "DoRA";
  if (/\.(diff|diff_b)$/.test(key)) return "full weight differences";
  if (/\.lora_B\.bias$/.test(key)) return "LoRA with a bias";
  return "unknown";
}
