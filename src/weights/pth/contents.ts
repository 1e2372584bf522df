/** From the bytes of a `.pth` file to the places of its tensors; names inside containers are joined by dots. */

import { WeightsError } from "../../base/mod.ts";
import { formatOf } from "../dtypes.ts";
import { shown, type TensorEntry } from "../header.ts";
import type { ByteSource } from "../regions.ts";
import type { FileContents } from "../tensor_file.ts";
import { PickleTrouble } from "./globals.ts";
import { unpickle } from "./unpickle.ts";
import { type PickleValue, TensorRef, Tuple } from "./values.ts";
import {
  ArchiveBytes,
  contentStart,
  damaged,
  looksLikeZip,
  readZipDirectory,
  type ZipDirectory,
  type ZipEntry,
} from "./zip.ts";

/** Containers in which training programs wrap the named tensors. */
const WRAPPERS = ["state_dict", "model_state_dict", "module"];
const PICKLE = "data.pkl";
const MAX_PICKLE_BYTES = 256_000_000;
const MAX_DEPTH = 8;
const OLD_FORM = "load it in Python and save it again with torch.save (torch 1.6 or later)";

/**
 * Reads the directory and the pickle of a `.pth` file; the tensors' bytes are left where they are.
 * @throws {WeightsError} naming what is damaged, hostile or not read
 */
export function readPth(file: ByteSource): FileContents {
  const source = new ArchiveBytes(file);
  const prefix = source.read(0, Math.min(source.size, 4));
  if (!looksLikeZip(prefix)) {
    const old = prefix[0] === 0x80 && (prefix[1] ?? 0) <= 5;
    throw damaged(
      source,
      old
        ? "it is a torch file from before 1.6, or a bare pickle"
        : "it is no torch file (those begin as zip archives)",
      old ? OLD_FORM : undefined,
    );
  }
  const directory = readZipDirectory(source);
  const { root, pickle } = findPickle(source, directory);
  checkByteOrder(source, { directory, root });
  if (pickle.size > MAX_PICKLE_BYTES) throw damaged(source, `its pickle has ${pickle.size} bytes, which is refused`);
  const bytes = source.read(contentStart(source, pickle, directory), pickle.size);
  try {
    const walk = new Walk(source, { directory, root, numValues: bytes.length });
    walk.visit(unwrap(unpickle(bytes)), { path: "", depth: 0 });
    return walk;
  } catch (error) {
    if (error instanceof PickleTrouble) throw damaged(source, error.message, "use the file as its makers published it");
    throw error;
  }
}

/** The pickle's entry and what stands before every name of the archive. */
function findPickle(source: ByteSource, { entries }: ZipDirectory): { root: string; pickle: ZipEntry } {
  const found = [...entries.values()].filter(({ name }) => name === PICKLE || name.endsWith(`/${PICKLE}`));
  const pickle = found[0];
  if (pickle === undefined || found.length > 1) {
    const fact = found.length > 1 ? "more than one data.pkl" : "no data.pkl: it is a zip archive, but no torch file";
    throw damaged(source, `it has ${fact}`, "give a .safetensors file, or a .pth file as torch.save writes it");
  }
  return { root: pickle.name.slice(0, -PICKLE.length), pickle };
}

function checkByteOrder(source: ByteSource, { directory, root }: { directory: ZipDirectory; root: string }): void {
  const entry = directory.entries.get(`${root}byteorder`);
  if (entry === undefined || entry.size > 16) return;
  const order = new TextDecoder().decode(source.read(contentStart(source, entry, directory), entry.size));
  if (order !== "little") throw damaged(source, `its numbers are in ${shown(order)} byte order, little is read`);
}

function unwrap(value: PickleValue): PickleValue {
  if (!(value instanceof Map)) return value;
  const wrapped = WRAPPERS.map((name) => value.get(name)).find((inner) => inner instanceof Map);
  return wrapped ?? value;
}

/** Collects tensors and words from nested containers. */
class Walk implements FileContents {
  readonly entries = new Map<string, TensorEntry>();
  readonly metadata = new Map<string, string>();
  readonly #source: ByteSource;
  readonly #directory: ZipDirectory;
  readonly #root: string;
  readonly #starts = new Map<string, number>();
  /** Values that may still be visited: sharing makes more of them than the pickle has bytes only if it means harm. */
  #numValues: number;
  /** Characters that names may still have: a long one above many short ones would be repeated in each. */
  #nameLength: number;

  constructor(source: ByteSource, options: { directory: ZipDirectory; root: string; numValues: number }) {
    this.#source = source;
    this.#directory = options.directory;
    this.#root = options.root;
    this.#numValues = options.numValues;
    this.#nameLength = source.size;
  }

  visit(value: PickleValue, { path, depth }: { path: string; depth: number }): void {
    if (--this.#numValues < 0) throw new PickleTrouble("it repeats its containers without end");
    this.#nameLength -= path.length;
    if (this.#nameLength < 0) throw new PickleTrouble("its names are longer than the file");
    if (depth > MAX_DEPTH) throw new PickleTrouble(`it nests deeper than ${MAX_DEPTH} levels`);
    const below = (name: string | number, inner: PickleValue): void =>
      this.visit(inner, { path: path === "" ? String(name) : `${path}.${name}`, depth: depth + 1 });
    if (value instanceof TensorRef) this.#add(path === "" ? "tensor" : path, value);
    else if (value instanceof Map) { for (const [name, inner] of value) below(name, inner); }
    else if (value instanceof Tuple) value.items.forEach((inner, i) => below(i, inner));
    else if (Array.isArray(value)) value.forEach((inner, i) => below(i, inner));
    else if (["string", "number", "boolean"].includes(typeof value)) this.metadata.set(path, String(value));
  }

  #add(name: string, tensor: TensorRef): void {
    if (this.entries.has(name)) throw this.#wrong(name, "is there twice");
    const { storage, dtype, offset, shape, strides } = tensor;
    const { bytes } = formatOf(dtype);
    const stored = this.#directory.entries.get(`${this.#root}data/${storage.key}`);
    if (stored === undefined) {
      throw this.#wrong(name, `has its bytes in entry ${shown(storage.key)}, which is not there`);
    }
    const capacity = Math.floor(stored.size / bytes);
    const numel = shape.reduce((product, size) => product * size, 1);
    const largest = shape.reduce((product, size) => product * Math.max(size, 1), 1);
    const span = numel === 0 ? 0 : shape.reduce((last, size, i) => last + (size - 1) * (strides[i] ?? 0), 1);
    if (!(largest <= Number.MAX_SAFE_INTEGER / bytes && numel <= capacity && offset <= capacity - span)) {
      throw this.#wrong(name, `of shape ${shown(shape)} does not fit its ${stored.size} bytes`);
    }
    const start = this.#startOf(stored) + offset * bytes;
    const packed = numel === 0 || isPacked(shape, strides);
    const place = { dtype, shape: Object.freeze([...shape]), start, end: start + span * bytes };
    this.entries.set(name, packed ? place : { ...place, strides: Object.freeze([...strides]) });
  }

  #startOf(entry: ZipEntry): number {
    const start = this.#starts.get(entry.name) ?? contentStart(this.#source, entry, this.#directory);
    this.#starts.set(entry.name, start);
    return start;
  }

  #wrong(name: string, fact: string): WeightsError {
    return damaged(this.#source, `tensor ${shown(name)} ${fact}`);
  }
}

/** Whether strides are those of row-major order; dimensions of one element may have any. */
function isPacked(shape: readonly number[], strides: readonly number[]): boolean {
  let wanted = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== wanted) return false;
    wanted *= shape[i] ?? 1;
  }
  return true;
}
