/**
 * Reads LoRA files of every common naming into one form: for each Linear, by its diffusers path, the two factors and
 * alpha. The adapter adds `(alpha / r) · up · down` to the weight.
 */

import { WeightsError } from "../base/mod.ts";
import { isFloating, type Tensor, unscoped } from "../torch/mod.ts";
import { shown } from "./header.ts";
import { foreignKind, type LoraComponent, type LoraKey, parseLoraKey } from "./lora_keys.ts";
import { alphaFromMetadata } from "./lora_config.ts";
import { SafetensorsFile } from "./safetensors.ts";

/** The adapter of one Linear. */
export interface LoraModule {
  /** [r, in] */
  readonly down: Tensor;
  /** [out, r] */
  readonly up: Tensor;
  /** The update's scale is alpha / r. */
  readonly alpha: number;
}

/** A LoRA file, read. Owns its tensors. */
export interface LoraFile extends Disposable {
  /** By diffusers module path, such as `blocks.0.attn1.to_q`. */
  readonly modules: ReadonlyMap<string, LoraModule>;
  /** The model that the file names, if it does. */
  readonly component: LoraComponent | undefined;
  readonly metadata: ReadonlyMap<string, string>;
}

interface Parts {
  down?: string;
  up?: string;
  alpha?: string;
  kohya: boolean;
}

/**
 * Reads a LoRA file.
 * @param path a safetensors file in diffusers', ComfyUI's, DiffSynth's or musubi-tuner's naming
 * @param options `component`: which of two models, where the file holds adapters for both
 * @throws {WeightsError} listing what is not understood, incomplete or of the wrong shape
 */
export function readLoraFile(path: string, options: { component?: LoraComponent | undefined } = {}): LoraFile {
  using file = SafetensorsFile.open(path);
  const keys = understoodKeys(file);
  const component = chooseComponent(path, keys, options.component);
  const parts = new Map<string, Parts>();
  for (const [key, { module, part, kohya, component: owner }] of keys) {
    if (owner !== component) continue;
    const entry = parts.get(module) ?? { kohya };
    if (entry[part] !== undefined) {
      throw refuse(path, `${shown(key)} and ${shown(entry[part])} both give the ${part} of ${module}`);
    }
    entry[part] = key;
    parts.set(module, entry);
  }
  const modules = new Map<string, LoraModule>();
  try {
    unscoped(() => { // the file's owner frees them, not a formula that it was read in
      for (const [module, entry] of parts) modules.set(module, readModule(file, { module, entry, component }));
    });
  } catch (error) {
    release(modules);
    throw error;
  }
  return { modules, component, metadata: file.metadata, [Symbol.dispose]: () => release(modules) };
}

function release(modules: Iterable<[string, LoraModule]>): void {
  for (const [, { down, up }] of modules) {
    down[Symbol.dispose]();
    up[Symbol.dispose]();
  }
}

function understoodKeys(file: SafetensorsFile): [string, LoraKey][] {
  const understood: [string, LoraKey][] = [];
  const foreign: string[] = [];
  for (const key of file.entries.keys()) {
    const parsed = parseLoraKey(key);
    if (parsed === undefined) foreign.push(key);
    else understood.push([key, parsed]);
  }
  if (foreign.length > 0) {
    const kinds = [...new Set(foreign.map(foreignKind))].join(", ");
    const names = foreign.slice(0, 3).map(shown).join(", ") + (foreign.length > 3 ? ", ..." : "");
    throw refuse(
      file.path,
      `${foreign.length} of ${file.entries.size} names are no LoRA of a WAN model (${kinds}): ${names}`,
    );
  }
  if (understood.length === 0) throw refuse(file.path, "it holds no tensors");
  return understood;
}

function chooseComponent(
  path: string,
  keys: readonly [string, LoraKey][],
  wanted: LoraComponent | undefined,
): LoraComponent | undefined {
  const present = [...new Set(keys.map(([, key]) => key.component))];
  if (wanted !== undefined && present.includes(wanted)) return wanted;
  if (present.length > 1) {
    throw refuse(path, `it holds adapters for ${present.map((name) => name ?? "an unnamed model").join(" and ")}`, {
      cure: "say which of them is meant",
    });
  }
  const only = present[0];
  if (wanted !== undefined && only !== undefined) throw refuse(path, `it is for ${only}, not for ${wanted}`);
  return only;
}

function readModule(
  file: SafetensorsFile,
  { module, entry, component }: { module: string; entry: Parts; component: LoraComponent | undefined },
): LoraModule {
  const { path } = file;
  if (entry.down === undefined || entry.up === undefined) {
    throw refuse(path, `${module} has ${Object.keys(entry).filter((name) => name !== "kohya").join(" and ")} only`);
  }
  const [down, up] = [file.entries.get(entry.down), file.entries.get(entry.up)];
  const rank = down?.shape[0] ?? 0;
  if (down?.shape.length !== 2 || up?.shape.length !== 2 || up.shape[1] !== rank || rank === 0) {
    throw refuse(
      path,
      `the factors of ${module} are ${shown(down?.shape)} and ${shown(up?.shape)}, they must be [r, in] and [out, r]`,
    );
  }
  if (!isFloating(down.dtype) || !isFloating(up.dtype)) {
    throw refuse(path, `the factors of ${module} are ${down.dtype} and ${up.dtype}, they must be floating-point`);
  }
  const alpha = alphaOf(file, { module, entry, component, rank });
  const first = file.read(entry.down);
  try {
    return { down: first, up: file.read(entry.up), alpha };
  } catch (error) {
    first[Symbol.dispose]();
    throw error;
  }
}

function alphaOf(
  file: SafetensorsFile,
  { module, entry, component, rank }: {
    module: string;
    entry: Parts;
    component: LoraComponent | undefined;
    rank: number;
  },
): number {
  if (entry.alpha === undefined) {
    return alphaFromMetadata(file, { module, component: component ?? "transformer", rank }) ?? rank;
  }
  const shape = file.entries.get(entry.alpha)?.shape ?? [];
  if (shape.some((size) => size !== 1)) {
    throw refuse(file.path, `${shown(entry.alpha)} has shape ${shown(shape)}, not []`);
  }
  using stored = file.read(entry.alpha, { dtype: "float64" });
  const alpha = stored.item();
  if (!Number.isFinite(alpha)) throw refuse(file.path, `${shown(entry.alpha)} is ${alpha}`);
  return alpha === 0 && entry.kohya ? rank : alpha;
}

function refuse(path: string, fact: string, options: { cure?: string } = {}): WeightsError {
  return new WeightsError(`Cannot read the LoRA ${shown(path)}: ${fact}`, options);
}
