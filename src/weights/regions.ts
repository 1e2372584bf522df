/** A file whose tensors lie in it as plain bytes: mapped or read, with the proof that it is still the file that was checked. */

import { statSync } from "node:fs";
import { errorCode, messageOf, WeightsError } from "../base/mod.ts";
import {
  type Device,
  type DType,
  type FileRegion,
  mapFile,
  type MappedFile,
  ops,
  prefetch,
  readInto,
  Tensor,
} from "../torch/mod.ts";
import { formatOf } from "./dtypes.ts";
import { shown, type TensorEntry } from "./header.ts";

/** Where a tensor goes and as what. */
export interface LoadOptions {
  /** Absent: the type it has in the file. */
  readonly dtype?: DType | undefined;
  /** Absent: the host. */
  readonly device?: Device | undefined;
}

/** Bytes that can be read at any place: a file, or memory in tests. */
export interface ByteSource {
  /** For messages. */
  readonly path: string;
  /** Bytes in all. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`, which the caller has checked to lie inside. */
  read(offset: number, length: number): Uint8Array;
}

/**
 * Opens a file for as long as `use` runs.
 * @returns what `use` made, and what tells this state of the file from any other
 * @throws {WeightsError} if it is absent, no file or unreadable
 */
export function withFileBytes<T>(path: string, use: (source: ByteSource) => T): { value: T; identity: string } {
  try {
    if (!statSync(path).isFile()) throw new WeightsError(`Cannot read ${shown(path)}: it is not a file`);
    using file = Deno.openSync(path);
    const info = statSync(path);
    const read = (offset: number, length: number): Uint8Array => readAt(file, { offset, length });
    return { value: use({ path, size: info.size, read }), identity: identityOf(info) };
  } catch (error) {
    if (error instanceof WeightsError) throw error;
    const fact = errorCode(error) === "ENOENT" ? "there is no such file" : messageOf(error);
    throw new WeightsError(`Cannot read ${shown(path)}: ${fact}`, { cure: "check the path", cause: error });
  }
}

function readAt(file: Deno.FsFile, { offset, length }: { offset: number; length: number }): Uint8Array {
  const bytes = new Uint8Array(length);
  file.seekSync(offset, Deno.SeekMode.Start);
  for (let done = 0; done < length;) {
    const read = file.readSync(bytes.subarray(done));
    if (read === null) throw new Error("it became shorter while it was read");
    done += read;
  }
  return bytes;
}

function identityOf(info: { dev: number; ino: number; size: number; mtimeMs: number }): string {
  return [info.dev, info.ino, info.size, info.mtimeMs].join(":");
}

/** Gives out the tensors of one file; they belong to the caller and stay valid when this is disposed of. */
export class RegionFile implements Disposable {
  readonly path: string;
  readonly #identity: string;
  #mapping: MappedFile | undefined;

  /** @param identity as `withFileBytes` gave it when the entries were checked */
  constructor(path: string, identity: string) {
    this.path = path;
    this.#identity = identity;
  }

  /**
   * A tensor whose memory is the file itself: no bytes are copied, pages come in when they are touched. Writing to it
   * changes this process's copy of a page, never the file. The file must not be cut while such a tensor lives; replacing
   * it by a rename is harmless. Tensors that do not lie at a multiple of their element's size are read instead.
   * @throws {WeightsError} if the file was changed
   */
  mapped(name: string, entry: TensorEntry): Tensor {
    if (entry.start % formatOf(entry.dtype).bytes !== 0 || entry.start === entry.end) return this.read(name, entry);
    if (this.#mapping === undefined) {
      this.#checkUnchanged(name);
      this.#mapping = mapFile(this.path);
    }
    return strided(this.#mapping.tensor(regionOf(entry)), entry);
  }

  /**
   * A tensor of its own, read straight into its memory and cast or moved where asked.
   * @throws {WeightsError} if the file was changed since it was opened
   */
  read(name: string, entry: TensorEntry, { dtype, device = "cpu" }: LoadOptions = {}): Tensor {
    this.#checkUnchanged(name);
    const stored = readInto(this.path, regionOf(entry));
    if (entry.strides === undefined && (dtype === undefined || dtype === entry.dtype) && device === "cpu") {
      return stored;
    }
    using source = strided(stored, entry);
    using target = source.to({ dtype: dtype ?? entry.dtype, device });
    return target.contiguous();
  }

  /** Asks the system to read a tensor's bytes; returns at once. Only speed depends on it. */
  prefetch({ start, end }: TensorEntry): void {
    prefetch(this.path, { offset: start, bytes: end - start });
  }

  /** Lets go of the mapping; mapped tensors that live on keep it. */
  [Symbol.dispose](): void {
    this.#mapping?.[Symbol.dispose]();
    this.#mapping = undefined;
  }

  #checkUnchanged(name: string): void {
    let now: string | undefined;
    try {
      now = identityOf(statSync(this.path));
    } catch {
      // gone
    }
    if (now === this.#identity) return;
    throw new WeightsError(`Cannot load ${shown(name)}: ${shown(this.path)} was changed after it was opened`, {
      cure: "start again, and leave the file alone while it is in use",
    });
  }
}

/** What to read: the tensor, or with strides all elements from its first to its last. */
function regionOf({ start, end, shape, dtype, strides }: TensorEntry): FileRegion {
  const flat = [(end - start) / formatOf(dtype).bytes];
  return { offset: start, shape: strides === undefined ? shape : flat, dtype };
}

/** Takes over `stored`. */
function strided(stored: Tensor, { shape, strides }: TensorEntry): Tensor {
  if (strides === undefined) return stored;
  using flat = stored;
  return new Tensor(ops.as_strided(flat.handle, shape, strides));
}
