/**
 * The header of a safetensors file: eight bytes with the length of a JSON object (little endian), the object, then the
 * tensors' bytes without gaps. Everything in it is checked before anyone allocates or maps a byte for a tensor.
 *
 * Source: safetensors, README.md, "Format"; safetensors/src/tensor.rs, Metadata::validate. Stricter here: equal keys,
 * numbers that a double cannot hold exactly, and absurd counts are refused as well.
 */

import { WeightsError } from "../base/mod.ts";
import { FORMAT_DTYPES, isFormatDType, type WeightDType } from "./dtypes.ts";
import { scanJson } from "./json_scan.ts";

/** The longest header that is read, as in the reference library. */
export const MAX_HEADER_BYTES = 100_000_000;
/** Bytes before the JSON text. */
export const LENGTH_BYTES = 8;

const LIMITS = { depth: 8, keys: 100_000, elements: 64 };
const DAMAGED = "download or save the file again";

/** One tensor of a file. */
export interface TensorEntry {
  readonly dtype: WeightDType;
  readonly shape: readonly number[];
  /** Offset of the first byte, from the start of the file. */
  readonly start: number;
  /** Offset behind the last byte, from the start of the file. */
  readonly end: number;
  /** Elements from one index to the next, by dimension, where the bytes are not in row-major order. */
  readonly strides?: readonly number[] | undefined;
}

/** A checked header. */
export interface Header {
  /** By tensor name, in the order of their bytes. */
  readonly entries: ReadonlyMap<string, TensorEntry>;
  /** The header's `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Where the tensors' bytes begin in the file. */
  readonly dataOffset: number;
}

/** Which file a header belongs to. */
export interface HeaderSource {
  /** For messages. */
  readonly path: string;
  /** Bytes of the whole file. */
  readonly fileSize: number;
}

/**
 * The length of the JSON text that follows the first eight bytes.
 * @param prefix the file's beginning, at least 8 bytes where the file has them
 * @throws {WeightsError} if the length cannot be right
 */
export function headerLength(prefix: Uint8Array, { path, fileSize }: HeaderSource): number {
  if (prefix.length < LENGTH_BYTES || fileSize < LENGTH_BYTES) {
    throw unreadable(path, `it has ${fileSize} bytes, a safetensors file has at least 10`);
  }
  const view = new DataView(prefix.buffer, prefix.byteOffset, LENGTH_BYTES);
  const length = view.getBigUint64(0, true);
  const found = looksLike(prefix);
  if (found !== undefined) throw new WeightsError(`Cannot read ${shown(path)}: ${found.fact}`, { cure: found.cure });
  if (length > BigInt(fileSize - LENGTH_BYTES)) {
    throw unreadable(path, `its header claims ${length} bytes, the whole file has ${fileSize}`);
  }
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw unreadable(path, `its header claims ${length} bytes, more than ${MAX_HEADER_BYTES} are not read`);
  }
  if (length < 2n) throw unreadable(path, `its header claims ${length} bytes, the shortest has 2`);
  return Number(length);
}

/**
 * Checks the JSON text of a header against itself and against the size of its file.
 * @param json the bytes of the JSON text, without the eight bytes before it
 * @throws {WeightsError} naming the file, the tensor, what is so and what would be right
 */
export function parseHeader(json: Uint8Array, { path, fileSize }: HeaderSource): Header {
  const root = parseObject(json, path);
  const dataOffset = LENGTH_BYTES + json.length;
  const entries: [string, TensorEntry][] = [];
  let metadata = new Map<string, string>();
  for (const [key, value] of Object.entries(root)) {
    if (key === "__metadata__") metadata = checkMetadata(value, path);
    else entries.push([key, checkEntry(key, value, { path, fileSize, dataOffset })]);
  }
  entries.sort(([, a], [, b]) => a.start - b.start || a.end - b.end);
  checkCover(entries, { path, fileSize, dataOffset });
  return { entries: new Map(entries), metadata, dataOffset };
}

function parseObject(json: Uint8Array, path: string): Record<string, unknown> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json);
  } catch (cause) {
    throw unreadable(path, "its header is not UTF-8 text", cause);
  }
  if (!text.startsWith("{")) throw unreadable(path, "its header does not begin with {");
  const trouble = scanJson(text, LIMITS);
  if (trouble !== undefined) throw unreadable(path, `its header is refused: ${trouble}`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unreadable(path, "its header is not valid JSON", cause);
  }
}

function checkMetadata(value: unknown, path: string): Map<string, string> {
  if (!isObject(value)) throw unreadable(path, `"__metadata__" is ${kindOf(value)}, it must be an object of strings`);
  const metadata = new Map<string, string>();
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") {
      throw unreadable(path, `"__metadata__" has ${kindOf(text)} under ${shown(key)}, only strings are allowed`);
    }
    metadata.set(key, text);
  }
  return metadata;
}

interface Place extends HeaderSource {
  readonly dataOffset: number;
}

function checkEntry(key: string, value: unknown, { path, fileSize, dataOffset }: Place): TensorEntry {
  if (!isObject(value)) throw damaged(path, key, `its entry is ${kindOf(value)}, it must be an object`);
  const { dtype: name, shape, data_offsets: offsets } = value;
  if (!isFormatDType(name)) {
    const known = Object.keys(FORMAT_DTYPES).join(", ");
    throw damaged(path, key, `its type is ${shown(name)}, readable are ${known}`);
  }
  if (!isSizes(shape)) throw damaged(path, key, `its shape is ${shown(shape)}, it must list whole numbers from 0`);
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw damaged(path, key, `its data_offsets are ${shown(offsets)}, they must be two whole numbers from 0`);
  }
  const [begin = 0, end = 0] = offsets;
  const { dtype, bytes } = FORMAT_DTYPES[name];
  const wanted = shape.reduce((product, size) => product * size, bytes);
  if (!Number.isSafeInteger(largestProduct(shape, bytes))) {
    throw damaged(path, key, `its shape ${shown(shape)} has more elements than any file can hold`);
  }
  if (begin > end) throw damaged(path, key, `its data_offsets ${shown(offsets)} end before they begin`);
  if (end > fileSize - dataOffset) {
    const has = fileSize - dataOffset;
    throw damaged(path, key, `its bytes end at ${end} of the data, the file has ${has} (is it cut off?)`);
  }
  if (end - begin !== wanted) {
    throw damaged(
      path,
      key,
      `shape ${shown(shape)} of ${name} takes ${wanted} bytes, data_offsets give ${end - begin}`,
    );
  }
  return { dtype, shape: Object.freeze(shape), start: dataOffset + begin, end: dataOffset + end };
}

/** The largest number on the way to a tensor's byte count, zeros left out: strides are made of such products. */
function largestProduct(shape: readonly number[], bytes: number): number {
  return shape.reduce((product, size) => product * Math.max(size, 1), bytes);
}

/** Every byte behind the header belongs to exactly one tensor. */
function checkCover(entries: readonly [string, TensorEntry][], { path, fileSize, dataOffset }: Place): void {
  let covered = dataOffset;
  let before = "the header";
  for (const [key, { start, end }] of entries) {
    if (start < covered) throw damaged(path, key, `its bytes overlap those of ${before}`);
    if (start > covered) throw damaged(path, key, `${start - covered} bytes before it belong to no tensor`);
    covered = end;
    before = shown(key);
  }
  if (covered !== fileSize) {
    throw unreadable(path, `${fileSize - covered} bytes at its end belong to no tensor`);
  }
}

/** What a file that is not safetensors probably is. */
function looksLike(prefix: Uint8Array): { fact: string; cure: string } | undefined {
  const start = new TextDecoder("latin1").decode(prefix.subarray(0, LENGTH_BYTES));
  if (start.startsWith("version ")) {
    return { fact: "it is a Git LFS pointer, not the weights", cure: "fetch the file with git lfs pull" };
  }
  if (start.startsWith("PK\x03\x04")) return { fact: "it is a zip or .pth file", cure: "give a .safetensors file" };
  if (start.startsWith("GGUF")) {
    return { fact: "it is a GGUF file, whose quantised tensors are not read", cure: "give a .safetensors file" };
  }
  if (/^<(!DOCTYP|html)/i.test(start)) return { fact: "it is a web page", cure: DAMAGED };
  if (/^[\x20-\x7e\s]{8}$/.test(start)) {
    return { fact: "it is a text file, not weights", cure: "name a file of weights" };
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** A value from a file as it stands in a message: one line, not too long. */
export function shown(value: unknown): string {
  const text = JSON.stringify(typeof value === "string" ? value.slice(0, 120) : value) ?? "missing";
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}

function unreadable(path: string, fact: string, cause?: unknown): WeightsError {
  return new WeightsError(`Cannot read ${shown(path)}: ${fact}`, { cure: DAMAGED, cause });
}

function damaged(path: string, key: string, fact: string): WeightsError {
  return new WeightsError(`Cannot read ${shown(key)} from ${shown(path)}: ${fact}`, { cure: DAMAGED });
}
