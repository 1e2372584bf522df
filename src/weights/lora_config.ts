/**
 * peft's LoraConfig, where rank and alpha stand that no tensor tells: as JSON that diffusers puts into a LoRA file's header under
 * `lora_adapter_metadata`, every key with the component's name before it (`transformer.r`), or as a file that peft writes beside
 * its own weights.
 *
 * Source: diffusers src/diffusers/loaders/lora_base.py, _pack_dict_with_prefix and LORA_ADAPTER_METADATA_KEY;
 * peft src/peft/tuners/lora/config.py, LoraConfig.
 */

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { WeightsError } from "../base/mod.ts";
import { shown } from "./header.ts";
import type { AdapterComponent } from "./lora_keys.ts";

/** The header's key. */
export const ADAPTER_METADATA = "lora_adapter_metadata";

/** The file that peft writes beside its own weights; its keys are those of the header without the component. */
const PEFT_CONFIG = "adapter_config.json";

/** What makes a pattern more than a module's name. */
const EXPRESSION = /[*+?|()[\]{}\\$]/;

/** What a LoraConfig of peft says, by its keys. */
export interface LoraConfig {
  /** Where it stands, for messages. */
  readonly place: string;
  at(key: string): unknown;
}

/** A file whose header may hold the JSON. */
interface Described {
  readonly path: string;
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * What a file's header says of a component's LoRA.
 * @returns undefined if it has no adapter metadata for the component
 * @throws {WeightsError} if the metadata is damaged
 */
export function configInHeader({ path, metadata }: Described, component: AdapterComponent): LoraConfig | undefined {
  const text = metadata.get(ADAPTER_METADATA);
  if (text === undefined) return undefined;
  const config = parseConfig(text, { path, place: `its ${ADAPTER_METADATA}` });
  const at = (key: string): unknown => config[`${component}.${key}`];
  if (at("r") === undefined && at("lora_alpha") === undefined) return undefined;
  return { place: "its header", at };
}

/**
 * The config beside a file that peft wrote itself.
 * @returns undefined if there is none
 * @throws {WeightsError} if it is damaged
 */
export function configBeside(path: string): LoraConfig | undefined {
  const beside = join(dirname(path), PEFT_CONFIG);
  if (!existsSync(beside)) return undefined;
  const place = `the ${PEFT_CONFIG} beside it`;
  const config = parseConfig(Deno.readTextFileSync(beside), { path, place });
  return { place, at: (key) => config[key] };
}

/**
 * The alpha that a config gives a module, as the number whose quotient by the rank is the scale.
 * @param options.module as the config's patterns call it
 * @throws {WeightsError} if the config speaks of another rank than the tensors have, or has no alpha
 */
export function alphaIn(
  { place, at }: LoraConfig,
  { path, module, rank }: { path: string; module: string; rank: number },
): number {
  const value = (pattern: string, common: string): unknown => {
    const patterns = at(pattern);
    const expression = Object.keys(patterns ?? {}).find((name) => EXPRESSION.test(name));
    if (expression === undefined) return patternValue(patterns, module) ?? at(common);
    throw new WeightsError(
      `Cannot read the LoRA ${shown(path)}: ${place} has the expression ${
        shown(expression)
      } in ${pattern}, only names are read`,
    );
  };
  const declared = value("rank_pattern", "r");
  if (declared !== undefined && declared !== rank) {
    throw new WeightsError(
      `Cannot read the LoRA ${shown(path)}: ${place} says rank ${shown(declared)} for ${module}, ` +
        `the tensors have ${rank}`,
    );
  }
  const alpha = value("alpha_pattern", "lora_alpha");
  if (typeof alpha !== "number") {
    throw new WeightsError(`Cannot read the LoRA ${shown(path)}: ${place} has ${shown(alpha)} as lora_alpha`);
  }
  return at("use_rslora") === true ? alpha * Math.sqrt(rank) : alpha;
}

function parseConfig(text: string, { path, place }: { path: string; place: string }): Record<string, unknown> {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (cause) {
    throw new WeightsError(`Cannot read the LoRA ${shown(path)}: ${place} is not JSON`, { cause });
  }
  if (typeof config === "object" && config !== null && !Array.isArray(config)) {
    return Object.fromEntries(Object.entries(config));
  }
  throw new WeightsError(`Cannot read the LoRA ${shown(path)}: ${place} is not an object`);
}

/**
 * A value by module: the pattern is the module's path or the end of it, in whole segments; behind `^` the path alone.
 * Source: peft src/peft/utils/other.py, get_pattern_key.
 */
function patternValue(patterns: unknown, module: string): unknown {
  if (typeof patterns !== "object" || patterns === null) return undefined;
  return Object.entries(patterns).find(([name]) =>
    name.startsWith("^") ? module === name.slice(1) : module === name || module.endsWith(`.${name}`)
  )?.[1];
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
