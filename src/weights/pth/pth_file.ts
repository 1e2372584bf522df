/** One `.pth` file: its directory and pickle checked at once, its tensors mapped or read when asked for. */

import { WeightsError } from "../../base/mod.ts";
import type { Tensor } from "../../torch/mod.ts";
import { shown, type TensorEntry } from "../header.ts";
import { type LoadOptions, RegionFile, withFileBytes } from "../regions.ts";
import { type PthContents, readPth } from "./contents.ts";

/** An open torch file (zip form). Tensors handed out belong to the caller and outlive it. */
export class PthFile implements Disposable {
  readonly path: string;
  readonly entries: PthContents["entries"];
  /** Words and numbers that lay beside the tensors. */
  readonly metadata: PthContents["metadata"];
  readonly #regions: RegionFile;

  private constructor(regions: RegionFile, contents: PthContents) {
    this.path = regions.path;
    this.entries = contents.entries;
    this.metadata = contents.metadata;
    this.#regions = regions;
  }

  /**
   * Reads directory and pickle. Only tensors, plain containers and the functions that rebuild tensors are known.
   * @throws {WeightsError} if the file is absent, damaged, compressed, or asks for anything else
   */
  static open(path: string): PthFile {
    const { value, identity } = withFileBytes(path, readPth);
    return new PthFile(new RegionFile(path, identity), value);
  }

  /** A tensor whose memory is the file itself, see `RegionFile.mapped`. @throws {WeightsError} like `read` */
  mapped(name: string): Tensor {
    return this.#regions.mapped(name, this.#entry(name));
  }

  /** A tensor of its own. @throws {WeightsError} if there is no such tensor or the file was changed */
  read(name: string, options: LoadOptions = {}): Tensor {
    return this.#regions.read(name, this.#entry(name), options);
  }

  /** Asks the system to read a tensor's bytes; returns at once. */
  prefetch(name: string): void {
    this.#regions.prefetch(this.#entry(name));
  }

  [Symbol.dispose](): void {
    this.#regions[Symbol.dispose]();
  }

  #entry(name: string): TensorEntry {
    const entry = this.entries.get(name);
    if (entry !== undefined) return entry;
    throw new WeightsError(`Cannot load ${shown(name)}: ${shown(this.path)} has no such tensor`);
  }
}
