/**
 * The items of a dataset in columns: for each some hundred bytes, most of them its path, its captions and its keys.
 * Whoever asks for one gets it as an object.
 */

import { Buffer } from "node:buffer";
import type { Orderable } from "./batches.ts";
import type { CacheKey, WindowKind } from "./cache.ts";
import { hexOf, keyAt, packKeys } from "./key_columns.ts";

/** One window of a clip, or a still, that comes up as a whole. */
export interface DatasetItem {
  readonly path: string;
  /** Hash of the file's content. */
  readonly content: string;
  /** Of which it is shown with one at a time; at least one. */
  readonly captions: readonly string[];
  readonly frames: number;
  readonly fps: number;
  /** How much faster than in reality things move. */
  readonly speed: number;
  readonly width: number;
  readonly height: number;
  readonly repeats: number;
  /** Factor of its loss. */
  readonly weight: number;
  /** `832x480x49`: items of one bucket share batches. */
  readonly bucket: string;
  /** One for each variant; an epoch shows one of them. */
  readonly latentsKeys: readonly CacheKey[];
  /** Likewise, where there is an encoder of conditions. */
  readonly conditionKeys?: readonly CacheKey[];
  /** Likewise, where the clip has a mask. */
  readonly maskKeys?: readonly CacheKey[];
}

/** What the items of one file share. */
export type ItemFile = Pick<DatasetItem, "path" | "content" | "captions" | "repeats" | "weight">;
/** What an item has of its own; its bucket follows from its size. */
export type OwnItem = Omit<DatasetItem, keyof ItemFile | "bucket">;

/** The columns, by name. What has no length of its own is found by where it ends. */
export interface ItemColumns {
  /** Of each file, UTF-8. */
  readonly paths: Uint8Array;
  readonly pathEnds: Uint32Array;
  /** Of each file, 32 bytes. */
  readonly contents: Uint8Array;
  readonly repeats: Float64Array;
  readonly weights: Float64Array;
  /** How many captions the files up to this one have. */
  readonly captionCounts: Uint32Array;
  /** Of each caption, UTF-8. */
  readonly captions: Uint8Array;
  readonly captionEnds: Uint32Array;
  /** Of each item: the number of its file; width, height and frames; rate and speed. */
  readonly files: Uint32Array;
  readonly sizes: Uint32Array;
  readonly rates: Float64Array;
  /** How many variants the items up to this one have. */
  readonly variantCounts: Uint32Array;
  /** Of each variant, as in `KeyColumns`; empty where no item has any. */
  readonly latents: Uint8Array;
  readonly condition: Uint8Array;
  readonly mask: Uint8Array;
}

/** Items, or some of them, in an order that does not change. */
export class ItemTable implements Iterable<DatasetItem> {
  readonly columns: ItemColumns;
  readonly #rows: Uint32Array | undefined;
  readonly length: number;

  /** @param rows which items, if not all */
  constructor(columns: ItemColumns, rows?: Uint32Array) {
    this.columns = columns;
    this.#rows = rows;
    this.length = (rows ?? columns.files).length;
  }

  /** Makes a table of files, each with its items. */
  static of(files: Iterable<{ readonly file: ItemFile; readonly items: readonly OwnItem[] }>): ItemTable {
    const paths = new TextColumn(), captions = new TextColumn();
    const contents: CacheKey[] = [];
    const keys: Record<WindowKind, (CacheKey | undefined)[]> = { latents: [], condition: [], mask: [] };
    const numbers = {
      ...{ repeats: [] as number[], weights: [] as number[], captionCounts: [] as number[] },
      ...{ files: [] as number[], sizes: [] as number[], rates: [] as number[], variantCounts: [] as number[] },
    };
    for (const { file, items } of files) {
      paths.add(file.path);
      file.captions.forEach((caption) => captions.add(caption));
      contents.push(file.content as CacheKey);
      numbers.repeats.push(file.repeats);
      numbers.weights.push(file.weight);
      numbers.captionCounts.push(captions.length);
      for (const { width, height, frames, fps, speed, latentsKeys, conditionKeys, maskKeys } of items) {
        numbers.files.push(contents.length - 1);
        numbers.sizes.push(width, height, frames);
        numbers.rates.push(fps, speed);
        keys.latents.push(...latentsKeys);
        keys.condition.push(...latentsKeys.map((_, variant) => conditionKeys?.[variant]));
        keys.mask.push(...latentsKeys.map((_, variant) => maskKeys?.[variant]));
        numbers.variantCounts.push(keys.latents.length);
      }
    }
    const column = (all: readonly (CacheKey | undefined)[]): Uint8Array =>
      packKeys(all.every((key) => key === undefined) ? [] : all);
    return new ItemTable({
      ...{ paths: paths.bytes, pathEnds: paths.ends, captions: captions.bytes, captionEnds: captions.ends },
      contents: column(contents),
      repeats: Float64Array.from(numbers.repeats),
      weights: Float64Array.from(numbers.weights),
      captionCounts: Uint32Array.from(numbers.captionCounts),
      files: Uint32Array.from(numbers.files),
      sizes: Uint32Array.from(numbers.sizes),
      rates: Float64Array.from(numbers.rates),
      variantCounts: Uint32Array.from(numbers.variantCounts),
      ...{ latents: column(keys.latents), condition: column(keys.condition), mask: column(keys.mask) },
    });
  }

  /** An item. @returns undefined if there are not as many */
  at(index: number): DatasetItem | undefined {
    const row = this.#rows === undefined ? index : this.#rows[index];
    const { columns } = this;
    if (row === undefined || !(row >= 0 && row < columns.files.length)) return undefined;
    const file = columns.files[row] ?? 0;
    const [from, to] = [columns.variantCounts[row - 1] ?? 0, columns.variantCounts[row] ?? 0];
    const conditionKeys = keysBetween(columns.condition, from, to);
    const maskKeys = keysBetween(columns.mask, from, to);
    return {
      path: textAt(columns.paths, columns.pathEnds, file),
      content: hexOf(columns.contents, 32 * file, 32 * (file + 1)),
      captions: this.#captionsOf(file),
      fps: columns.rates[2 * row] ?? 0,
      speed: columns.rates[2 * row + 1] ?? 0,
      ...this.#sizeOf(row),
      repeats: columns.repeats[file] ?? 0,
      weight: columns.weights[file] ?? 0,
      bucket: this.#bucketOf(row),
      latentsKeys: keysBetween(columns.latents, from, to),
      ...(conditionKeys.length === 0 ? {} : { conditionKeys }),
      ...(maskKeys.length === 0 ? {} : { maskKeys }),
    };
  }

  *[Symbol.iterator](): Generator<DatasetItem> {
    for (let index = 0; index < this.length; index++) {
      const item = this.at(index);
      if (item !== undefined) yield item;
    }
  }

  /** What is made of each item. */
  map<T>(make: (item: DatasetItem, index: number) => T): T[] {
    return Array.from(this, make);
  }

  /** The items that pass a test. */
  where(isWanted: (item: DatasetItem) => boolean): ItemTable {
    const rows: number[] = [];
    let index = 0;
    for (const item of this) {
      if (isWanted(item)) rows.push(this.#rows?.[index] ?? index);
      index++;
    }
    return new ItemTable(this.columns, Uint32Array.from(rows));
  }

  /** What the order of the batches is made from. */
  *orderables(): Generator<Orderable> {
    const { files, repeats } = this.columns;
    for (const row of this.#rows ?? files.keys()) {
      yield { bucket: this.#bucketOf(row), repeats: repeats[files[row] ?? 0] ?? 0 };
    }
  }

  /** How large each item is. */
  *sizes(): Generator<Pick<DatasetItem, "width" | "height" | "frames">> {
    for (const row of this.#rows ?? this.columns.files.keys()) yield this.#sizeOf(row);
  }

  #sizeOf(row: number): Pick<DatasetItem, "width" | "height" | "frames"> {
    const [width = 0, height = 0, frames = 0] = this.columns.sizes.subarray(3 * row, 3 * row + 3);
    return { width, height, frames };
  }

  #bucketOf(row: number): string {
    const { width, height, frames } = this.#sizeOf(row);
    return `${width}x${height}x${frames}`;
  }

  #captionsOf(file: number): string[] {
    const { captions, captionEnds, captionCounts } = this.columns;
    const from = captionCounts[file - 1] ?? 0;
    const count = (captionCounts[file] ?? 0) - from;
    return Array.from({ length: count }, (_, at) => textAt(captions, captionEnds, from + at));
  }
}

/** Texts one behind the other. */
class TextColumn {
  #bytes = new Uint8Array(1 << 16);
  readonly #ends: number[] = [];

  add(text: string): void {
    const at = this.#ends.at(-1) ?? 0;
    const most = at + 3 * text.length; // of UTF-8 for each unit of UTF-16
    if (most > this.#bytes.length) {
      const larger = new Uint8Array(2 * most);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#ends.push(at + new TextEncoder().encodeInto(text, this.#bytes.subarray(at)).written);
  }

  get length(): number {
    return this.#ends.length;
  }

  get bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#ends.at(-1) ?? 0);
  }

  get ends(): Uint32Array {
    return Uint32Array.from(this.#ends);
  }
}

function textAt(bytes: Uint8Array, ends: Uint32Array, at: number): string {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.toString("utf8", ends[at - 1] ?? 0, ends[at] ?? 0);
}

function keysBetween(column: Uint8Array, from: number, to: number): CacheKey[] {
  const keys: CacheKey[] = [];
  for (let place = from; place < to; place++) {
    const key = keyAt(column, place);
    if (key !== undefined) keys.push(key);
  }
  return keys;
}
