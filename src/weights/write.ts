/**
 * Writes safetensors files as the reference library does: tensors sorted by type, widest first, then by name, so that
 * each is aligned to its element; the header padded with spaces to a multiple of 8 bytes.
 *
 * Source: safetensors, safetensors/src/tensor.rs, prepare and serialize_to_file.
 */

import { Buffer } from "node:buffer";
import { writeAll, writeAtomically } from "../base/mod.ts";
import { type DType, isFloating, type Tensor } from "../torch/mod.ts";
import { formatOf } from "./dtypes.ts";
import { LENGTH_BYTES } from "./header.ts";

/** How tensors are written. */
export interface SaveOptions {
  /** The header's `__metadata__`; only strings are possible. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** What floating-point tensors become; absent: each keeps its type. */
  readonly dtype?: DType | undefined;
}

/** Tensors by name. */
export type NamedTensors = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;

/** A tensor that is made when its turn to be written comes. */
export interface PlannedTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Gives the tensor, of that shape and in any type or place; it is freed once it is written. */
  readonly make: () => Tensor;
}

/**
 * Writes tensors to a file, one after the other; at most one is copied (from another device, to another type, or into
 * contiguous order) at a time. The file appears whole or, on failure, stays as it was.
 * @throws {DiskError} if the disk refuses: full, read-only, not permitted
 * @throws {RangeError} for a name or type that the format cannot hold
 */
export function saveSafetensors(path: string, tensors: NamedTensors, options: SaveOptions = {}): void {
  const named = tensors instanceof Map ? [...tensors] : Object.entries(tensors);
  const plan = named.map(([name, tensor]: [string, Tensor]): PlannedTensor => {
    const dtype = options.dtype !== undefined && isFloating(tensor.dtype) ? options.dtype : tensor.dtype;
    return { name, dtype, shape: tensor.shape, make: () => tensor.detach() };
  });
  writeSafetensors(path, plan, { metadata: options.metadata });
}

/**
 * Writes tensors that need not be in memory together: each is made, written and freed before the next. Otherwise like
 * `saveSafetensors`.
 */
export function writeSafetensors(
  path: string,
  tensors: readonly PlannedTensor[],
  options: { metadata?: Readonly<Record<string, string>> | undefined; onWritten?: (bytes: number) => void } = {},
): void {
  const plan = sorted(tensors);
  const header = headerOf(plan, options.metadata);
  writeAtomically(path, (file) => {
    writeAll(file, header);
    for (const { name, dtype, shape, make } of plan) {
      using made = make();
      if (made.shape.join() !== shape.join()) {
        throw new RangeError(`"${name}" was planned as [${shape.join(", ")}] and is [${made.shape.join(", ")}]`);
      }
      using ready = made.to({ dtype });
      ready.withBytes((bytes) => writeAll(file, bytes));
      options.onWritten?.(bytesOf({ dtype, shape }));
    }
  });
}

/** Bytes that a planned tensor takes. @throws {RangeError} for a type that the format cannot hold */
export function bytesOf({ dtype, shape }: Pick<PlannedTensor, "dtype" | "shape">): number {
  return shape.reduce((product, size) => product * size, formatOf(dtype).bytes);
}

function sorted(tensors: readonly PlannedTensor[]): PlannedTensor[] {
  if (tensors.some(({ name }) => name === "__metadata__")) {
    throw new RangeError("a tensor cannot be called __metadata__");
  }
  return tensors.toSorted((a, b) => formatOf(a.dtype).rank - formatOf(b.dtype).rank || compareBytes(a.name, b.name));
}

function headerOf(
  plan: readonly PlannedTensor[],
  metadata: Readonly<Record<string, string>> | undefined,
): Uint8Array {
  const entries: [string, unknown][] = [];
  if (metadata !== undefined && Object.keys(metadata).length > 0) entries.push(["__metadata__", metadata]);
  let offset = 0;
  for (const { name, dtype, shape } of plan) {
    const end = offset + bytesOf({ dtype, shape });
    entries.push([name, { dtype: formatOf(dtype).format, shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  // joined by hand: an object would move names that look like numbers to the front
  const json = `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(",")}}`;
  const text = new TextEncoder().encode(json);
  const length = Math.ceil(text.length / 8) * 8;
  const header = new Uint8Array(LENGTH_BYTES + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(text, LENGTH_BYTES);
  return header;
}

/** The order of the names' UTF-8 bytes, which is not JavaScript's own for rare characters. */
function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
