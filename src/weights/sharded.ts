/** Weights wherever they lie: one file, a folder with one file, or a folder with shards and their index. */

import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { WeightsError } from "../base/mod.ts";
import type { DType, Tensor } from "../torch/mod.ts";
import { shown, type TensorEntry } from "./header.ts";
import { scanJson } from "./json_scan.ts";
import { readPth } from "./pth/contents.ts";
import { looksLikeZip } from "./pth/zip.ts";
import type { Weights } from "./weights.ts";
import type { LoadOptions } from "./regions.ts";
import { describeEntries, SafetensorsFile } from "./safetensors.ts";
import { TensorFile } from "./tensor_file.ts";

/** File names without their ending, in the order in which they are looked for. */
const STEMS = ["diffusion_pytorch_model", "model"];
const SUFFIX = ".safetensors";
const INDEX_SUFFIX = ".safetensors.index.json";
const INDEX_LIMITS = { depth: 8, keys: 1_000_000, elements: 1_000_000 };
const DOWNLOAD_AGAIN = "download the folder again";

/**
 * Opens a safetensors file, a torch file (`.pth`, `.pt`, `.bin`: told by its first bytes), an index file, or a folder of
 * the Hugging Face layout.
 * @param path a file, or a folder with `<stem>.safetensors` or `<stem>.safetensors.index.json`
 * @param options `stem`: the file name without its ending, where a folder holds several
 * @throws {WeightsError} if nothing is there, a choice is open, or a file is damaged
 */
export function openWeights(path: string, options: { stem?: string | undefined } = {}): Weights {
  const file = isFolder(path) ? fileIn(path, options.stem === undefined ? STEMS : [options.stem]) : path;
  if (!file.endsWith(".json")) {
    const opened = isTorchFile(file) ? TensorFile.open(file, readPth) : SafetensorsFile.open(file);
    return new FileWeights(file, new Map([...opened.entries.keys()].map((key) => [key, opened])), [opened]);
  }
  return openShards(file);
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (cause) {
    throw new WeightsError(`Cannot open weights at ${shown(path)}: there is no such file or folder`, {
      cure: "check the path",
      cause,
    });
  }
}

/** By the name, or by how a zip archive begins: training programs use many endings. */
function isTorchFile(path: string): boolean {
  if (/\.(pth|pt|ckpt)$/i.test(path)) return true;
  const prefix = new Uint8Array(4);
  try {
    const file = openSync(path, "r");
    try {
      return readSync(file, prefix, 0, 4, 0) === 4 && (looksLikeZip(prefix) || path.endsWith(".bin"));
    } finally {
      closeSync(file);
    }
  } catch {
    return false; // the reader says why
  }
}

function fileIn(folder: string, stems: readonly string[]): string {
  const wanted = stems.flatMap((stem) => [stem + SUFFIX, stem + INDEX_SUFFIX]);
  const found = wanted.filter((name) => existsSync(join(folder, name)));
  if (found.length === 1) return join(folder, found[0] ?? "");
  if (found.length > 1) {
    throw new WeightsError(`Cannot choose the weights in ${shown(folder)}: it has ${found.join(" and ")}`, {
      cure: "name the file itself, or remove the one that is not wanted",
    });
  }
  const others = readdirSync(folder).filter((name) => name.endsWith(SUFFIX)).sort();
  const holds = others.length === 0
    ? "it holds no .safetensors file"
    : `it holds ${others.slice(0, 3).join(", ")}${others.length > 3 ? " and more" : ""}, not ${wanted.join(" or ")}`;
  throw new WeightsError(`Cannot find weights in ${shown(folder)}: ${holds}`, { cure: "name the file itself" });
}

function openShards(index: string): Weights {
  const folder = join(index, "..");
  const map = readIndex(index);
  const files = new Map<string, SafetensorsFile>();
  const keys = new Map<string, SafetensorsFile>();
  for (const name of new Set(map.values())) {
    const path = join(folder, name);
    if (!existsSync(path)) {
      const count = [...map.values()].filter((other) => other === name).length;
      throw new WeightsError(`Cannot open ${shown(index)}: shard ${shown(name)} with ${count} tensors is missing`, {
        cure: DOWNLOAD_AGAIN,
      });
    }
    const file = SafetensorsFile.open(path);
    files.set(name, file);
    for (const key of file.entries.keys()) if (!keys.has(key)) keys.set(key, file);
  }
  for (const [key, name] of map) {
    const file = files.get(name);
    if (file === undefined || !file.entries.has(key)) {
      throw new WeightsError(`Cannot open ${shown(index)}: ${shown(key)} should be in ${shown(name)} but is not`, {
        cure: DOWNLOAD_AGAIN,
      });
    }
    keys.set(key, file);
  }
  return new FileWeights(index, keys, [...files.values()]);
}

/** Tensor name → shard's file name, each checked to stay in the index's folder. */
function readIndex(index: string): Map<string, string> {
  const refuse = (fact: string, cause?: unknown): WeightsError =>
    new WeightsError(`Cannot open ${shown(index)}: ${fact}`, { cure: DOWNLOAD_AGAIN, cause });
  let root: unknown;
  try {
    const text = readFileSync(index, "utf8");
    const trouble = scanJson(text, INDEX_LIMITS);
    if (trouble !== undefined) throw refuse(`it is refused: ${trouble}`);
    root = JSON.parse(text);
  } catch (cause) {
    throw cause instanceof WeightsError ? cause : refuse("it is not valid JSON", cause);
  }
  const map = isRecord(root) ? root.weight_map : undefined;
  if (!isRecord(map)) throw refuse('it has no object "weight_map"');
  const entries = Object.entries(map);
  if (entries.length === 0) throw refuse('its "weight_map" is empty');
  return new Map(entries.map(([key, name]) => {
    if (typeof name !== "string") throw refuse(`the shard of ${shown(key)} is ${shown(name)}, it must be a file name`);
    if (/[/\\\0]/.test(name) || name === "" || name === "." || name === "..") {
      throw refuse(`the shard of ${shown(key)} is ${shown(name)}, outside the index's folder`);
    }
    return [key, name];
  }));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Weights over one or several open files. */
class FileWeights implements Weights {
  readonly metadata: ReadonlyMap<string, string>;
  readonly #path: string;
  readonly #owners: ReadonlyMap<string, TensorFile>;
  readonly #files: readonly TensorFile[];

  constructor(path: string, owners: ReadonlyMap<string, TensorFile>, files: readonly TensorFile[]) {
    this.#path = path;
    this.#owners = owners;
    this.#files = files;
    this.metadata = new Map(files.toReversed().flatMap((file) => [...file.metadata]));
  }

  keys(): readonly string[] {
    return [...this.#owners.keys()];
  }

  has(key: string): boolean {
    return this.#owners.has(key);
  }

  shapeOf(key: string): readonly number[] {
    return this.#entry(key).shape;
  }

  dtypeOf(key: string): DType {
    return this.#entry(key).dtype;
  }

  load(key: string, options: LoadOptions = {}): Tensor {
    return this.#owner(key).read(key, options);
  }

  mapped(key: string): Tensor {
    return this.#owner(key).mapped(key);
  }

  prefetch(key: string): void {
    this.#owner(key).prefetch(key);
  }

  release(): void {
    for (const file of this.#files) file[Symbol.dispose](); // opened again when they are asked
  }

  describe(): string {
    const shards = this.#files.length > 1 ? ` in ${this.#files.length} shards` : "";
    return `${this.#path} (${describeEntries([...this.#owners.keys()].map((key) => this.#entry(key)))}${shards})`;
  }

  [Symbol.dispose](): void {
    this.release();
  }

  #owner(key: string): TensorFile {
    const owner = this.#owners.get(key);
    if (owner === undefined) {
      throw new WeightsError(`Cannot load ${shown(key)}: ${shown(this.#path)} has no such tensor`);
    }
    return owner;
  }

  #entry(key: string): TensorEntry {
    const entry = this.#owner(key).entries.get(key);
    if (entry === undefined) throw new RangeError(`no entry for ${key}`);
    return entry;
  }
}
