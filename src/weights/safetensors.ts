/** One safetensors file: its header checked at once, its tensors mapped or read when asked for. */

import { WeightsError } from "../base/mod.ts";
import type { Tensor } from "../torch/mod.ts";
import { FORMAT_DTYPES } from "./dtypes.ts";
import { type Header, headerLength, LENGTH_BYTES, parseHeader, shown, type TensorEntry } from "./header.ts";
import { type ByteSource, type LoadOptions, RegionFile, withFileBytes } from "./regions.ts";

/**
 * An open file. Tensors handed out belong to the caller and stay valid when the file is disposed of.
 */
export class SafetensorsFile implements Disposable {
  readonly path: string;
  /** Dtype, shape and place of every tensor, by name, in the order of their bytes. */
  readonly entries: Header["entries"];
  /** The header's `__metadata__`. */
  readonly metadata: Header["metadata"];
  readonly #regions: RegionFile;

  private constructor(regions: RegionFile, header: Header) {
    this.path = regions.path;
    this.entries = header.entries;
    this.metadata = header.metadata;
    this.#regions = regions;
  }

  /** Reads and checks the header. @throws {WeightsError} if the file is absent, damaged or not a safetensors file */
  static open(path: string): SafetensorsFile {
    const { value, identity } = withFileBytes(path, readHeader);
    return new SafetensorsFile(new RegionFile(path, identity), value);
  }

  /**
   * A tensor whose memory is the file itself, see `RegionFile.mapped`.
   * @throws {WeightsError} if there is no such tensor or the file was changed
   */
  mapped(name: string): Tensor {
    return this.#regions.mapped(name, this.#entry(name));
  }

  /**
   * A tensor of its own, read straight into its memory and cast or moved where asked.
   * @throws {WeightsError} if there is no such tensor or the file was changed since it was opened
   */
  read(name: string, options: LoadOptions = {}): Tensor {
    return this.#regions.read(name, this.#entry(name), options);
  }

  /** Asks the system to read a tensor's bytes; returns at once. */
  prefetch(name: string): void {
    this.#regions.prefetch(this.#entry(name));
  }

  /** Lets go of the mapping; mapped tensors that live on keep it. */
  [Symbol.dispose](): void {
    this.#regions[Symbol.dispose]();
  }

  #entry(name: string): TensorEntry {
    const entry = this.entries.get(name);
    if (entry !== undefined) return entry;
    throw new WeightsError(`Cannot load ${shown(name)}: ${shown(this.path)} has no such tensor`);
  }
}

/** Reads and checks a file's header. @throws {WeightsError} naming what is wrong */
export function readHeader(source: ByteSource): Header {
  const file = { path: source.path, fileSize: source.size };
  const length = headerLength(source.read(0, Math.min(LENGTH_BYTES, source.size)), file);
  return parseHeader(source.read(LENGTH_BYTES, length), file);
}

/** Bytes of all tensors and the types they have, for messages. */
export function describeEntries(entries: Iterable<TensorEntry>): string {
  let count = 0;
  let bytes = 0;
  const dtypes = new Set<string>();
  for (const { start, end, dtype } of entries) {
    count++;
    bytes += end - start;
    dtypes.add(dtype);
  }
  const order = Object.values(FORMAT_DTYPES).map(({ dtype }) => dtype).filter((dtype) => dtypes.has(dtype));
  return `${count} tensors, ${sizeText(bytes)}, ${order.join(" and ") || "empty"}`;
}

/** Bytes for people: `1.4 MB`, in powers of ten. */
export function sizeText(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
