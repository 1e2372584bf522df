/** A new model with random weights, as a folder in diffusers layout; tensors are made one at a time. */
import { copyFileSync, existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  assetPath,
  ConfigError,
  DiskError,
  diskError,
  errorCode,
  formatBytes,
  freeBytes,
  makeFolder,
  SetupError,
  syncFolder,
  writeAtomically,
} from "../../base/mod.ts";
import { bytesOf, type PlannedTensor, writeSharded } from "../../weights/mod.ts";
import { indexJson, schedulerJson, transformerJson, umt5Json, vaeJson } from "../config_json.ts";
import type { ModelSizes } from "../published.ts";
import { keepsFloat32, transformerShapes } from "../transformer/mod.ts";
import { umt5Shapes } from "../umt5.ts";
import { vaeShapes } from "../vae/mod.ts";
import type { Variant } from "../variant.ts";
import { initialTensor, lawOf, type WeightedPart } from "./initial.ts";

/** The folders of a model. */
export type ModelPartName = WeightedPart | "tokenizer" | "scheduler";

/** How a new model is made. */
export interface FreshOptions {
  readonly variant: Variant;
  readonly sizes: ModelSizes;
  /** Of transformers and text encoder, where they do not keep float32; the VAE is always float32. */
  readonly dtype: "bfloat16" | "float32";
  readonly seed: number | bigint;
  /** The parts wanted; all if absent. */
  readonly only?: readonly ModelPartName[] | undefined;
  readonly maxShardBytes?: number | undefined;
  /** Told after each tensor; may throw to end the work. */
  readonly onProgress?: ((progress: { part: string; doneBytes: number; totalBytes: number }) => void) | undefined;
}

/** The parts that a variant's folder has. */
export function partsOf(variant: Variant): ModelPartName[] {
  const second = variant.experts === 2 ? ["transformer_2"] as const : [];
  return ["transformer", ...second, "vae", "text_encoder", "tokenizer", "scheduler"];
}

/**
 * Writes a model. Each part appears whole; `model_index.json` comes last, when all parts are there. The same seed gives the
 * same numbers on every machine with the same libtorch.
 * @returns the bytes of the tensors written
 * @throws {ConfigError} if a part is there already
 * @throws {DiskError} if the disk is too small, told before anything is written, or refuses
 */
export function writeFreshModel(folder: string, options: FreshOptions): number {
  const { variant, only = partsOf(variant) } = options;
  for (const part of only) {
    if (!existsSync(join(folder, part))) continue;
    throw new ConfigError(`Cannot make a model in "${folder}": there is a folder ${part} already.`, {
      cure: "name another folder with --out, or move that one away",
    });
  }
  const plans = only.map((part) => ({ part, tensors: isWeighted(part) ? plannedTensors(part, options) : [] }));
  const totalBytes = plans.reduce(
    (sum, { tensors }) => sum + tensors.reduce((part, tensor) => part + bytesOf(tensor), 0),
    0,
  );
  checkSpace(folder, totalBytes);
  makeFolder(folder);
  sweep(folder);
  let doneBytes = 0;
  for (const { part, tensors } of plans) {
    const work = makeFolder(join(folder, `.${part}.${Deno.pid}.tmp`));
    try {
      writePart(work, { part, tensors, options }, (bytes) => {
        doneBytes += bytes;
        options.onProgress?.({ part, doneBytes, totalBytes });
      });
      renameSync(work, join(folder, part));
      syncFolder(folder);
    } catch (error) {
      rmSync(work, { recursive: true, force: true });
      throw errorCode(error) === undefined ? error : diskError(`make a model in "${folder}"`, error);
    }
  }
  if (partsOf(variant).every((part) => existsSync(join(folder, part)))) {
    writeAtomically(join(folder, "model_index.json"), json(indexJson(variant)));
  }
  return totalBytes;
}

function isWeighted(part: ModelPartName): part is WeightedPart {
  return part !== "tokenizer" && part !== "scheduler";
}

/** The tensors of a part, each made when its turn comes. */
function plannedTensors(part: WeightedPart, { sizes, dtype, seed }: FreshOptions): PlannedTensor[] {
  const shapes = part === "vae"
    ? vaeShapes(sizes.vae)
    : part === "text_encoder"
    ? umt5Shapes(sizes.textEncoder)
    : transformerShapes(sizes.transformer);
  return [...shapes].map(([name, shape]) => {
    const wide = part === "vae" || (part !== "text_encoder" && keepsFloat32(name));
    const own = wide ? "float32" : dtype;
    const law = lawOf(part, name, shapes);
    return {
      name,
      shape,
      dtype: own,
      make: () => initialTensor(law, { name: `${part}/${name}`, shape, dtype: own, seed }),
    };
  });
}

function writePart(
  folder: string,
  { part, tensors, options }: { part: ModelPartName; tensors: readonly PlannedTensor[]; options: FreshOptions },
  onWritten: (bytes: number) => void,
): void {
  const { sizes, variant, maxShardBytes } = options;
  if (part === "tokenizer") return copyTokenizer(folder);
  if (part === "scheduler") {
    const text = json(schedulerJson(variant.inference.shift));
    return writeAtomically(join(folder, "scheduler_config.json"), text);
  }
  const stem = part === "text_encoder" ? "model" : "diffusion_pytorch_model";
  writeSharded(folder, tensors, { stem, maxShardBytes, onWritten });
  const config = part === "vae"
    ? vaeJson(sizes.vae)
    : part === "text_encoder"
    ? umt5Json(sizes.textEncoder)
    : transformerJson(sizes.transformer);
  writeAtomically(join(folder, "config.json"), json(config));
}

/** A new model has the demo's small tokenizer: there are no tokens to know. */
function copyTokenizer(folder: string): void {
  const source = assetPath("presets/demo/model/tokenizer");
  if (source === undefined) throw new SetupError("Cannot make a tokenizer: this build carries no presets.");
  for (const name of readdirSync(source)) copyFileSync(join(source, name), join(folder, name));
}

/** Removes what a killed process left half written. */
function sweep(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = /^\.\w+\.(\d+)\.tmp$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(folder, name), { recursive: true });
  }
}

function checkSpace(folder: string, needed: number): void {
  const free = freeBytes(folder);
  if (free === undefined || needed <= free) return;
  throw new DiskError(
    `Cannot make a model in "${folder}": it takes ${formatBytes(needed)}, ${formatBytes(free)} are free.`,
    { cure: "choose a folder on another disk with --out, or fewer parts with --only" },
  );
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
