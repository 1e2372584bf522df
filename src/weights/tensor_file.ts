/** One file of tensors, whatever its format: what is in it was checked at once, its tensors are mapped or read when asked for. */
import { WeightsError } from "../base/mod.ts";
import type { Tensor } from "../torch/mod.ts";
import { shown, type TensorEntry } from "./header.ts";
import { type ByteSource, type LoadOptions, RegionFile, withFileBytes } from "./regions.ts";

/** What a reader of a format finds. */
export interface FileContents {
  /** Dtype, shape and place of every tensor, by name. */
  readonly entries: ReadonlyMap<string, TensorEntry>;
  /** Words that lie beside the tensors. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** An open file. Tensors handed out belong to the caller and stay valid when the file is disposed of. */
export class TensorFile implements Disposable, FileContents {
  readonly path: string;
  readonly entries: FileContents["entries"];
  readonly metadata: FileContents["metadata"];
  readonly #regions: RegionFile;

  private constructor(regions: RegionFile, contents: FileContents) {
    this.path = regions.path;
    this.entries = contents.entries;
    this.metadata = contents.metadata;
    this.#regions = regions;
  }

  /**
   * Opens a file.
   * @param read checks its bytes, except those of the tensors
   * @throws {WeightsError} if it is absent, or what `read` throws
   */
  static open(path: string, read: (source: ByteSource) => FileContents): TensorFile {
    const { value, identity } = withFileBytes(path, read);
    return new TensorFile(new RegionFile(path, identity), value);
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

  /** Asks the system to read a tensor's bytes; returns at once. @throws {WeightsError} if there is no such tensor */
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
