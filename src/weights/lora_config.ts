/**
 * The JSON that diffusers puts into a LoRA file's header under `lora_adapter_metadata`: peft's LoraConfig, every key with
 * the component's name before it (`transformer.r`). In that form rank and alpha stand nowhere else.
 *
 * Source: diffusers src/diffusers/loaders/lora_base.py, _pack_dict_with_prefix and LORA_ADAPTER_METADATA_KEY;
 * peft src/peft/tuners/lora/config.py, LoraConfig.
 */

import { WeightsError } from "../base/mod.ts";
import { shown } from "./header.ts";
import type { AdapterComponent } from "./lora_keys.ts";

/** The header's key. */
export const ADAPTER_METADATA = "lora_adapter_metadata";

/** A file whose header may hold the JSON. */
interface Described {
  readonly path: string;
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * The alpha that a file's header gives a module, as the number whose quotient by the rank is the scale.
 * @returns undefined if the header has no adapter metadata for the component
 * @throws {WeightsError} if the metadata is damaged or speaks of another rank than the tensors have
 */
export function alphaFromMetadata(
  { path, metadata }: Described,
  { module, component, rank }: { module: string; component: AdapterComponent; rank: number },
): number | undefined {
  const text = metadata.get(ADAPTER_METADATA);
  if (text === undefined) return undefined;
  const config = parseConfig(text, path);
  const at = (name: string): unknown => config[`${component}.${name}`];
  if (at("r") === undefined && at("lora_alpha") === undefined) return undefined;
  const declared = patternValue(at("rank_pattern"), module) ?? at("r");
  if (declared !== undefined && declared !== rank) {
    throw new WeightsError(
      `Cannot read the LoRA ${shown(path)}: its header says rank ${shown(declared)} for ${module}, ` +
        `the tensors have ${rank}`,
    );
  }
  const alpha = patternValue(at("alpha_pattern"), module) ?? at("lora_alpha");
  if (typeof alpha !== "number") {
    throw new WeightsError(`Cannot read the LoRA ${shown(path)}: its header has ${shown(alpha)} as lora_alpha`);
  }
  return at("use_rslora") === true ? alpha * Math.sqrt(rank) : alpha;
}

function parseConfig(text: string, path: string): Record<string, unknown> {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (cause) {
    throw new WeightsError(`Cannot read the LoRA ${shown(path)}: its ${ADAPTER_METADATA} is not JSON`, { cause });
  }
  if (typeof config === "object" && config !== null && !Array.isArray(config)) {
    return Object.fromEntries(Object.entries(config));
  }
  throw new WeightsError(`Cannot read the LoRA ${shown(path)}: its ${ADAPTER_METADATA} is not an object`);
}

/** A value by module: the pattern is the module's path or the end of it, in whole segments. */
function patternValue(patterns: unknown, module: string): unknown {
  if (typeof patterns !== "object" || patterns === null) return undefined;
  return Object.entries(patterns).find(([name]) => module === name || module.endsWith(`.${name}`))?.[1];
}

/** What one module's entry in the metadata is made of. */
export interface LoraNumbers {
  readonly rank: number;
  readonly alpha: number;
}

/**
 * The JSON for modules by diffusers path: the commonest rank and alpha as `r` and `lora_alpha`, others as patterns.
 * @param targetModules how peft shall find the modules in the model: their paths or ends of them
 */
export function adapterMetadata(
  modules: ReadonlyMap<string, LoraNumbers>,
  { component, targetModules }: { component: AdapterComponent; targetModules: readonly string[] },
): string {
  const r = commonest([...modules.values()].map(({ rank }) => rank));
  const alpha = commonest([...modules.values()].map((numbers) => numbers.alpha));
  const others = (pick: (numbers: LoraNumbers) => number, common: number): Record<string, number> =>
    Object.fromEntries(
      [...modules].map(([name, numbers]) => [name, pick(numbers)] as const).filter(([, n]) => n !== common),
    );
  const config = {
    alpha_pattern: others((numbers) => numbers.alpha, alpha),
    bias: "none",
    fan_in_fan_out: false,
    init_lora_weights: true,
    lora_alpha: alpha,
    lora_bias: false,
    lora_dropout: 0,
    peft_type: "LORA",
    r,
    rank_pattern: others((numbers) => numbers.rank, r),
    target_modules: [...targetModules].sort(),
    use_dora: false,
    use_rslora: false,
  };
  return JSON.stringify(
    Object.fromEntries(Object.entries(config).map(([key, value]) => [`${component}.${key}`, value])),
    null,
    2,
  );
}

function commonest(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce((best, next) => (next[1] > best[1] ? next : best), [0, 0])[0];
}
