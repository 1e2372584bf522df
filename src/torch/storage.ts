/** Tensors that come straight from files: mapped without a copy, or read into fresh memory. */
import { WeightsError } from "../base/mod.ts";
import { check, type Handle } from "./call.ts";
import { type DType, dtypeCode } from "./dtype.ts";
import { native, readText, writeText } from "./library.ts";
import { type Tensor, wrap } from "./tensor.ts";

/** Where a tensor lies in a file: first byte, shape and type; little-endian, row-major. */
export interface FileRegion {
  readonly offset: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

function putRegion(region: FileRegion): void {
  const { words } = native();
  words[0] = dtypeCode(region.dtype);
  words[1] = region.offset;
  words[2] = region.shape.length;
  region.shape.forEach((size, i) => words[3 + i] = size);
}

function handleOf(code: number): Tensor {
  if (code < 0) throw new WeightsError(readText(native()));
  return wrap(code as Handle);
}

/** A file mapped into memory. Tensors made from it keep the mapping alive, also after it is disposed of. */
export class MappedFile implements Disposable {
  /** Bytes of the file. */
  readonly size: number;
  #handle: number;

  /** @throws {WeightsError} if the file cannot be opened or mapped */
  constructor(path: string) {
    const library = native();
    const handle = library.symbols.wt_map(writeText(library, path));
    if (handle < 0) throw new WeightsError(readText(library));
    this.#handle = handle;
    this.size = library.results[0] as number;
  }

  /** A view of the file's bytes; writing to it changes this process's copy alone. */
  tensor(region: FileRegion): Tensor {
    putRegion(region);
    return handleOf(native().symbols.wt_map_tensor(this.#handle));
  }

  [Symbol.dispose](): void {
    if (this.#handle === 0) return;
    check(native().symbols.wt_unmap(this.#handle));
    this.#handle = 0;
  }
}

/** Maps a file. @throws {WeightsError} if it cannot be opened or mapped */
export function mapFile(path: string): MappedFile {
  return new MappedFile(path);
}

/** Reads a region of a file into a fresh host tensor. @throws {WeightsError} if the file is shorter or unreadable */
export function readInto(path: string, region: FileRegion): Tensor {
  const library = native();
  const length = writeText(library, path);
  putRegion(region);
  return handleOf(library.symbols.wt_read_tensor(length));
}

/** Asks the kernel to read a part of a file into its cache; returns at once, and whether it could be asked. */
export function prefetch(path: string, { offset, bytes }: { offset: number; bytes: number }): boolean {
  const library = native();
  return library.symbols.wt_prefetch(writeText(library, path), offset, bytes) === 1;
}
