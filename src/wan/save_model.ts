/** Writes models: a folder in diffusers layout, or a part as a single file. Tensors go through memory one at a time. */
import { copyFileSync, existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DiskError, diskError, freeBytes, makeFolder, syncFolder, WeightsError, writeAtomically } from "../base/mod.ts";
import { fromBytes } from "../torch/mod.ts";
import {
  bytesOf,
  type Naming,
  type PlannedTensor,
  planTensors,
  type SavedDType,
  sizeText,
  type Weights,
  writeSafetensors,
  writeSharded,
} from "../weights/mod.ts";
import { CONFIG_METADATA } from "./part_config.ts";
import type { ModelSource } from "./model_source.ts";
import { type ModelComponent, partOfComponent } from "./model_files.ts";
import { CARRIED, spieceBytes, tokenizerText } from "./tokenizer_file.ts";

/** Told while a model is written. */
export type SaveProgress = (done: { readonly bytes: number; readonly totalBytes: number }) => void;

/** How a model is saved in diffusers layout. */
export interface SaveModelOptions {
  /** Absent: each tensor keeps its type. The layout has no scaled fp8: that is for single files. */
  readonly dtype?: Exclude<SavedDType, "fp8_scaled"> | undefined;
  readonly maxShardBytes?: number | undefined;
  /** Weights that take the place of the model's own: trained or merged ones, under diffusers' names. */
  readonly replace?: Partial<Record<ModelComponent, Weights>> | undefined;
  /** Entries for every file's header, see `describeModel`. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly onProgress?: SaveProgress | undefined;
}

/**
 * Saves a whole model in diffusers layout. The folder appears when it is complete.
 * @param folder must not exist, or be empty
 * @throws {WeightsError} if the folder is not empty or a part cannot be read
 * @throws {DiskError} if the disk is too small or refuses; then nothing is left of it
 */
export function saveModel(model: ModelSource, folder: string, options: SaveModelOptions = {}): void {
  const { dtype, replace = {}, metadata, maxShardBytes, onProgress } = options;
  if (existsSync(folder) && (!statSync(folder).isDirectory() || readdirSync(folder).length > 0)) {
    throw new WeightsError(`Cannot save the model in "${folder}": it is not empty`, { cure: "name a new folder" });
  }
  using opened = new DisposableStack();
  const plans = model.components.map((component): [ModelComponent, PlannedTensor[]] => {
    const weights = replace[component] ?? opened.use(model.openWeights(component));
    return [component, planTensors(weights, { part: partOfComponent(component), naming: "diffusers", dtype })];
  });
  const count = counted(plans.flatMap(([, tensors]) => tensors), { path: folder, onProgress });
  const partial = join(dirname(folder), `.${basename(folder)}.partial`);
  rmSync(partial, { recursive: true, force: true }); // of an attempt that was killed
  makeFolder(partial);
  const json = (name: string, value: unknown): void =>
    writeAtomically(join(partial, name), `${JSON.stringify(value, null, 2)}\n`);
  try {
    for (const [component, tensors] of plans) {
      makeFolder(join(partial, component));
      json(`${component}/config.json`, model.configJson(component));
      const stem = component === "text_encoder" ? "model" : "diffusion_pytorch_model";
      writeSharded(join(partial, component), tensors, { stem, maxShardBytes, metadata, onWritten: count });
    }
    json(`${makeFolderIn(partial, "scheduler")}/scheduler_config.json`, model.configJson("scheduler"));
    copyTokenizer(model.placeOf("tokenizer"), join(partial, makeFolderIn(partial, "tokenizer")));
    json("model_index.json", model.configJson("index"));
    rmSync(folder, { recursive: true, force: true });
    Deno.renameSync(partial, folder);
    syncFolder(dirname(folder));
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    throw error instanceof Error && "code" in error ? diskError(`save the model in "${folder}"`, error) : error;
  }
}

/** How a part is saved as one file. */
export interface SaveFileOptions {
  readonly component: ModelComponent;
  /** Absent: the official names for transformer and VAE, those of transformers for the text encoder, as ComfyUI has them. */
  readonly naming?: Naming | undefined;
  readonly dtype?: SavedDType | undefined;
  /** Before every name, such as `model.diffusion_model.`; none if absent. */
  readonly prefix?: string | undefined;
  /** The part's config in diffusers' form: it goes into the header, so that the file can be opened alone. */
  readonly config?: unknown;
  /** A `spiece.model` to carry with a text encoder, as ComfyUI needs it. */
  readonly tokenizer?: Uint8Array | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly onProgress?: SaveProgress | undefined;
}

/**
 * Saves a part of a model as a single file.
 * @param weights under diffusers' names
 * @throws {WeightsError} if a tensor has no official name, or a VAE is to be fp8
 * @throws {DiskError} if the disk is too small or refuses; a file of that name then stays as it was
 */
export function saveSingleFile(weights: Weights, path: string, options: SaveFileOptions): void {
  const { component, dtype, prefix, config, tokenizer, metadata, onProgress } = options;
  const part = partOfComponent(component);
  const naming = options.naming ?? (part === "text_encoder" ? "diffusers" : "original");
  const tensors = [
    ...planTensors(weights, { part, naming, dtype, prefix }),
    ...(tokenizer === undefined ? [] : [carried(tokenizer)]),
  ];
  const onWritten = counted(tensors, { path, onProgress });
  const own = config === undefined ? {} : { [CONFIG_METADATA]: JSON.stringify(config) };
  writeSafetensors(path, tensors, { metadata: { format: "pt", ...own, ...metadata }, onWritten });
}

function carried(tokenizer: Uint8Array): PlannedTensor {
  const shape = [tokenizer.length];
  return { name: CARRIED, dtype: "uint8", shape, make: () => fromBytes(tokenizer, { shape }) };
}

/** Facts about a model file. */
export interface ModelFacts {
  readonly title: string;
  /** The variant's name, `wan2.2-ti2v-5b`. */
  readonly architecture: string;
  /** ISO 8601; given by the caller, so that equal models make equal files. */
  readonly date?: string | undefined;
  /** Models and adapters that were merged. */
  readonly mergedFrom?: readonly string[] | undefined;
}

/** Header entries for a model's files. Source: Stability-AI ModelSpec 1.0.0 */
export function describeModel(facts: ModelFacts): Record<string, string> {
  const { title, architecture, date, mergedFrom } = facts;
  return {
    "modelspec.sai_model_spec": "1.0.0",
    "modelspec.architecture": architecture,
    "modelspec.implementation": "wantune",
    "modelspec.title": title,
    ...(date === undefined ? {} : { "modelspec.date": date }),
    ...(mergedFrom === undefined ? {} : { "modelspec.merged_from": mergedFrom.join(", ") }),
  };
}

/** Checks that the disk has room, and gives what counts the bytes written. */
function counted(
  tensors: readonly PlannedTensor[],
  { path, onProgress }: { path: string; onProgress: SaveProgress | undefined },
): (bytes: number) => void {
  const totalBytes = tensors.reduce((sum, tensor) => sum + bytesOf(tensor), 0);
  const free = freeBytes(path);
  if (free !== undefined && free < totalBytes) {
    throw new DiskError(
      `Cannot save "${path}": it takes ${sizeText(totalBytes)}, the disk has ${sizeText(free)} left`,
      {
        cure: "free some space, choose another disk, or save in bfloat16",
      },
    );
  }
  let done = 0;
  return (bytes) => onProgress?.({ bytes: done += bytes, totalBytes });
}

function makeFolderIn(parent: string, name: string): string {
  makeFolder(join(parent, name));
  return name;
}

/** Copies a tokenizer's folder; one in a file becomes a tokenizer.json, with its spiece.model if it has one. */
function copyTokenizer(from: string, to: string): void {
  if (!statSync(from).isDirectory()) {
    const spiece = spieceBytes(from);
    if (spiece !== undefined) writeAtomically(join(to, "spiece.model"), spiece);
    return writeAtomically(join(to, "tokenizer.json"), tokenizerText(from));
  }
  for (const name of readdirSync(from)) {
    const file = join(from, name);
    if (statSync(file).isFile()) copyFileSync(file, join(to, name));
  }
}
