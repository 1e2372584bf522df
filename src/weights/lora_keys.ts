/**
 * The names that adapter files use. A key has three parts: which model (`transformer.`, `diffusion_model.`, `lora_unet_`,
 * `text_encoder.`, or nothing), which module under diffusers' or the official name, and which part of the adapter.
 *
 * Sources: diffusers src/diffusers/loaders/lora_conversion_utils.py (Wan functions), ComfyUI comfy/lora.py and
 * comfy/weight_adapter/*.py, musubi-tuner src/musubi_tuner/networks/lora_wan.py, LyCORIS lycoris/modules/*.py, peft
 * src/peft/utils/save_and_load.py.
 */

import umt5 from "../../specs/keys/umt5.json" with { type: "json" };
import { diffusersToOriginal, kohyaToDiffusers, originalToDiffusers, stripPrefix } from "./keys.ts";
import { NameTable } from "./name_table.ts";

/** The model of a diffusers pipeline that a LoRA belongs to: `transformer_2` is the low-noise expert of two. */
export type LoraComponent = "transformer" | "transformer_2";
/** Anything that adapters can belong to. */
export type AdapterComponent = LoraComponent | "text_encoder";

/** What a tensor is within its module's adapter. */
export type KeyPart =
  | ("down" | "up" | "alpha" | "magnitude" | "weight" | "bias")
  | ("w1" | "w1_a" | "w1_b" | "w2" | "w2_a" | "w2_b" | "t1" | "t2");

/** The family of an adapter, by the spelling of its parts. */
export type KeyKind = "lora" | "lokr" | "loha" | "diff";

/** A key of an adapter file, understood. */
export interface AdapterKey {
  /** Undefined where the file does not say (all forms but diffusers', for transformers). */
  readonly component: AdapterComponent | undefined;
  /** diffusers path of the module, such as `blocks.0.attn1.to_q`. */
  readonly module: string;
  readonly part: KeyPart;
  /** Undefined for parts that go with any kind: alpha and magnitude. */
  readonly kind: KeyKind | undefined;
  /** Whether a missing or zero alpha counts as the rank (musubi-tuner), or zero is a factor of zero. */
  readonly kohya: boolean;
}

const ENDINGS: readonly [ending: string, part: KeyPart, kind?: KeyKind][] = [
  [".lora_A.weight", "down", "lora"],
  [".lora_A.default.weight", "down", "lora"],
  [".lora_down.weight", "down", "lora"],
  [".lora_B.weight", "up", "lora"],
  [".lora_B.default.weight", "up", "lora"],
  [".lora_up.weight", "up", "lora"],
  [".alpha", "alpha"],
  [".dora_scale", "magnitude"],
  [".lora_magnitude_vector", "magnitude"],
  [".lora_magnitude_vector.weight", "magnitude"],
  [".lora_magnitude_vector.default.weight", "magnitude"],
  [".lokr_w1", "w1", "lokr"],
  [".lokr_w1_a", "w1_a", "lokr"],
  [".lokr_w1_b", "w1_b", "lokr"],
  [".lokr_w2", "w2", "lokr"],
  [".lokr_w2_a", "w2_a", "lokr"],
  [".lokr_w2_b", "w2_b", "lokr"],
  [".lokr_t2", "t2", "lokr"],
  [".hada_w1_a", "w1_a", "loha"],
  [".hada_w1_b", "w1_b", "loha"],
  [".hada_w2_a", "w2_a", "loha"],
  [".hada_w2_b", "w2_b", "loha"],
  [".hada_t1", "t1", "loha"],
  [".hada_t2", "t2", "loha"],
  [".diff", "weight", "diff"],
  [".diff_b", "bias", "diff"],
  [".w_norm", "weight", "diff"],
  [".b_norm", "bias", "diff"],
];

const UMT5 = new NameTable(umt5);
const PEFT_PREFIX = "base_model.model.";
const KOHYA_TRANSFORMER = ["lora_unet_", "lycoris_"], KOHYA_TEXT = ["lora_te1_", "lora_te_"];
/** What names of the text encoder's modules begin with. */
const TEXT_PREFIXES = umt5.prefixes.original;

/** Takes a key of an adapter file apart; undefined if it is none that this program can apply. */
export function parseAdapterKey(key: string): AdapterKey | undefined {
  const found = ENDINGS.find(([ending]) => key.endsWith(ending));
  if (found === undefined) return undefined;
  const [ending, part, kind] = found;
  const place = placeOf(key.slice(0, -ending.length));
  return place === undefined ? undefined : { ...place, part, kind };
}

/** The module that a key of a file is for which peft wrote itself, as its model calls it; undefined for any other key. */
export function peftModule(key: string): string | undefined {
  const ending = ENDINGS.find(([ending]) => key.endsWith(ending))?.[0];
  if (ending === undefined || !key.startsWith(PEFT_PREFIX)) return undefined;
  return key.slice(PEFT_PREFIX.length, -ending.length);
}

function placeOf(path: string): Pick<AdapterKey, "component" | "module" | "kohya"> | undefined {
  const kohya = KOHYA_TRANSFORMER.find((prefix) => path.startsWith(prefix));
  if (kohya !== undefined) return placed(undefined, kohyaToDiffusers(path.slice(kohya.length)), true);
  const kohyaText = KOHYA_TEXT.find((prefix) => path.startsWith(prefix));
  if (kohyaText !== undefined) return placed("text_encoder", umt5FromKohya(path.slice(kohyaText.length)), true);
  const text = TEXT_PREFIXES.find((prefix) => path.startsWith(prefix));
  if (text !== undefined) return placed("text_encoder", umt5Module(path.slice(text.length)), false);
  const bare = path.startsWith(PEFT_PREFIX) ? path.slice(PEFT_PREFIX.length) : stripPrefix(path).key;
  const [component, module] = componentOf(bare);
  const named = component !== undefined && bare === path; // then the names below are diffusers'
  return placed(component, isDiffusersModule(module) ? module : named ? undefined : originalToDiffusers(module), false);
}

/** The expert that a path names: `transformer.`, `transformer_2.`, or ai-toolkit's `transformer_1.` for the first. */
function componentOf(path: string): [LoraComponent | undefined, string] {
  const found = /^(transformer|transformer_[12])\./.exec(path);
  if (found === null) return [undefined, path];
  return [found[1] === "transformer_2" ? "transformer_2" : "transformer", path.slice(found[0].length)];
}

function placed(
  component: AdapterComponent | undefined,
  module: string | undefined,
  kohya: boolean,
): Pick<AdapterKey, "component" | "module" | "kohya"> | undefined {
  return module === undefined ? undefined : { component, module, kohya };
}

function isDiffusersModule(path: string): boolean {
  return diffusersToOriginal(path) !== undefined;
}

/** The name that transformers gives a module of the text encoder. */
function umt5Module(path: string): string | undefined {
  return UMT5.toOriginal(path) === undefined ? UMT5.toDiffusers(path) : path;
}

/** Finds the module behind a name with `_` for `.`, in either naming. */
function umt5FromKohya(name: string): string | undefined {
  const number = /(?:^|_)blocks?_(\d+)_/.exec(name)?.[1];
  const flat = (pattern: string): string => pattern.replaceAll(".", "_").replace("{n}", number ?? "{n}");
  const pair = umt5.names.find((names) => names.some((pattern) => flat(pattern) === name));
  return pair?.[1]?.replace("{n}", number ?? "{n}");
}

/** The kohya-style name of a text encoder's module, without `lora_te_`. */
export function umt5ToKohya(module: string): string {
  return module.replaceAll(".", "_");
}

/** What kind of adapter a key belongs to; for messages. */
export function foreignKind(key: string): string {
  if (/\.lokr_/.test(key)) return "LoKr";
  if (/\.hada_/.test(key)) return "LoHa";
  if (/\.(dora_scale|lora_magnitude_vector)/.test(key)) return "DoRA";
  if (/\.(diff|diff_b|w_norm|b_norm)$/.test(key)) return "full weight differences";
  if (/\.lora_B\.bias$/.test(key)) return "LoRA with a bias";
  if (/\.oft_/.test(key)) return "OFT";
  if (/\.(glora|boft)/.test(key)) return "a kind that is not read";
  return "unknown";
}
