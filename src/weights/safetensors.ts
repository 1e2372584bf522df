/** One safetensors file: its header checked at once, its tensors mapped or read when asked for. */

import { statSync } from "node:fs";
import { errorCode, messageOf, WeightsError } from "../base/mod.ts";
import {
  type Device,
  type DType,
  type FileRegion,
  mapFile,
  type MappedFile,
  readInto,
  type Tensor,
} from "../torch/mod.ts";
import { type Header, headerLength, LENGTH_BYTES, parseHeader, shown, type TensorEntry } from "./header.ts";
import { FORMAT_DTYPES, formatOf } from "./dtypes.ts";

/** Where a tensor goes and as what. */
export interface LoadOptions {
  /** Absent: the type it has in the file. */
  readonly dtype?: DType | undefined;
  /** Absent: the host. */
  readonly device?: Device | undefined;
}

/**
 * An open file. Tensors handed out belong to the caller and stay valid when the file is disposed of.
 */
export class SafetensorsFile implements Disposable {
  readonly path: string;
  /** Dtype, shape and place of every tensor, by name, in the order of their bytes. */
  readonly entries: Header["entries"];
  /** The header's `__metadata__`. */
  readonly metadata: Header["metadata"];
  readonly #identity: string;
  #mapping: MappedFile | undefined;

  private constructor(path: string, header: Header, identity: string) {
    this.path = path;
    this.entries = header.entries;
    this.metadata = header.metadata;
    this.#identity = identity;
  }

  /** Reads and checks the header. @throws {WeightsError} if the file is absent, damaged or not a safetensors file */
  static open(path: string): SafetensorsFile {
    const { header, identity } = readHeader(path);
    return new SafetensorsFile(path, header, identity);
  }

  /**
   * A tensor whose memory is the file itself: no bytes are copied, pages come in when they are touched. Writing to it
   * changes this process's copy of a page, never the file. The file must not be cut while such a tensor lives; replacing it by a rename is harmless.
   * @throws {WeightsError} if there is no such tensor or the file was changed
   */
  mapped(name: string): Tensor {
    const entry = this.#entry(name);
    if (entry.start % formatOf(entry.dtype).bytes !== 0 || entry.start === entry.end) return this.read(name);
    if (this.#mapping === undefined) {
      this.#checkUnchanged(name);
      this.#mapping = mapFile(this.path);
    }
    return this.#mapping.tensor(regionOf(entry));
  }

  /**
   * A tensor of its own, read straight into its memory and cast or moved where asked.
   * @throws {WeightsError} if there is no such tensor or the file was changed since it was opened
   */
  read(name: string, { dtype, device = "cpu" }: LoadOptions = {}): Tensor {
    const entry = this.#entry(name);
    this.#checkUnchanged(name);
    const stored = readInto(this.path, regionOf(entry));
    if ((dtype === undefined || dtype === entry.dtype) && device === "cpu") return stored;
    using source = stored;
    return source.to({ dtype: dtype ?? entry.dtype, device });
  }

  /** Lets go of the mapping; mapped tensors that live on keep it. */
  [Symbol.dispose](): void {
    this.#mapping?.[Symbol.dispose]();
    this.#mapping = undefined;
  }

  #entry(name: string): TensorEntry {
    const entry = this.entries.get(name);
    if (entry !== undefined) return entry;
    throw new WeightsError(`Cannot load ${shown(name)}: ${shown(this.path)} has no such tensor`);
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

function regionOf({ start, shape, dtype }: TensorEntry): FileRegion {
  return { offset: start, shape, dtype };
}

/** Opens a file, reads and checks its header. */
function readHeader(path: string): { header: Header; identity: string } {
  try {
    if (!statSync(path).isFile()) throw new WeightsError(`Cannot read ${shown(path)}: it is not a file`);
    using file = Deno.openSync(path);
    const info = statSync(path);
    const source = { path, fileSize: info.size };
    const length = headerLength(readBytes(file, Math.min(LENGTH_BYTES, info.size)), source);
    return { header: parseHeader(readBytes(file, length), source), identity: identityOf(info) };
  } catch (error) {
    if (error instanceof WeightsError) throw error;
    const fact = errorCode(error) === "ENOENT" ? "there is no such file" : messageOf(error);
    throw new WeightsError(`Cannot read ${shown(path)}: ${fact}`, { cure: "check the path", cause: error });
  }
}

function readBytes(file: Deno.FsFile, count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  for (let done = 0; done < count;) {
    const read = file.readSync(bytes.subarray(done));
    if (read === null) throw new Error("it became shorter while it was read");
    done += read;
  }
  return bytes;
}

function identityOf(info: { dev: number; ino: number; size: number; mtimeMs: number }): string {
  return [info.dev, info.ino, info.size, info.mtimeMs].join(":");
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
  const size = bytes < 1e6
    ? `${(bytes / 1e3).toFixed(1)} kB`
    : bytes < 1e9
    ? `${(bytes / 1e6).toFixed(1)} MB`
    : `${(bytes / 1e9).toFixed(2)} GB`;
  return `${count} tensors, ${size}, ${order.join(" and ") || "empty"}`;
}
