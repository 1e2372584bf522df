/** The names in an adapter file, taken apart: for each model and module the tensors that its adapter has. */

import { listNames, WeightsError } from "../base/mod.ts";
import { shown } from "./header.ts";
import {
  type AdapterComponent,
  type AdapterKey,
  foreignKind,
  type KeyKind,
  type KeyPart,
  parseAdapterKey,
} from "./lora_keys.ts";
import type { Weights } from "./weights.ts";

/** The names of a module's tensors in the file. */
export interface AdapterEntry {
  readonly names: Map<KeyPart, string>;
  readonly kinds: Set<KeyKind>;
  readonly kohya: boolean;
}

/** By model (undefined: one that the file does not name) and module. */
export type AdapterEntries = ReadonlyMap<AdapterComponent | undefined, ReadonlyMap<string, AdapterEntry>>;

/** Takes a file's names apart. @throws {WeightsError} naming those that are not understood */
export function adapterEntries(weights: Weights, path: string): AdapterEntries {
  const models = new Map<AdapterComponent | undefined, Map<string, AdapterEntry>>();
  const foreign: string[] = [];
  for (const key of weights.keys()) {
    const parsed = parseAdapterKey(key);
    if (parsed === undefined) foreign.push(key);
    else add(models, { key, parsed, path });
  }
  if (foreign.length > 0) {
    const kinds = [...new Set(foreign.map(foreignKind))].join(", ");
    const names = listNames(foreign.map(shown), { limit: 3, unit: "names" });
    throw adapterRefusal(
      path,
      `${foreign.length} of ${weights.keys().length} names are no LoRA of a WAN model (${kinds}): ${names}`,
    );
  }
  if (models.size === 0) throw adapterRefusal(path, "it holds no tensors");
  return models;
}

function add(
  models: Map<AdapterComponent | undefined, Map<string, AdapterEntry>>,
  { key, parsed, path }: { key: string; parsed: AdapterKey; path: string },
): void {
  const { component, module, part, kind, kohya } = parsed;
  const modules = models.get(component) ?? new Map<string, AdapterEntry>();
  const entry: AdapterEntry = modules.get(module) ?? { names: new Map(), kinds: new Set(), kohya };
  const other = entry.names.get(part);
  if (other !== undefined) {
    throw adapterRefusal(path, `${shown(key)} and ${shown(other)} both give the ${part} of ${module}`);
  }
  entry.names.set(part, key);
  if (kind !== undefined) entry.kinds.add(kind);
  modules.set(module, entry);
  models.set(component, modules);
}

/** The error for a file that cannot be read as adapters. */
export function adapterRefusal(path: string, fact: string, cure?: string): WeightsError {
  return new WeightsError(`Cannot read the LoRA ${shown(path)}: ${fact}`, { cure });
}
