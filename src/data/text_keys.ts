/** The texts that a dataset was prepared with, known by their keys alone. */

import { Buffer } from "node:buffer";
import { type CacheKey, cacheKey } from "./cache.ts";
import { KEY_BYTES } from "./key_columns.ts";

/** The keys of texts under one encoder. */
export class TextKeys {
  /** Ascending, each once, 32 bytes each. */
  readonly column: Uint8Array;
  readonly #encoder: string;

  /** @param encoder its fingerprint */
  constructor(column: Uint8Array, encoder: string) {
    this.column = column;
    this.#encoder = encoder;
  }

  /** The key of a text. @returns undefined for one that was not prepared */
  find(text: string): CacheKey | undefined {
    const key = textKey(text, this.#encoder);
    const bytes = Buffer.from(key, "hex");
    let [low, high] = [0, this.column.length / KEY_BYTES];
    while (low < high) {
      const middle = (low + high) >> 1;
      const order = Buffer.compare(this.column.subarray(KEY_BYTES * middle, KEY_BYTES * (middle + 1)), bytes);
      if (order === 0) return key;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return undefined;
  }
}

/** The key of a text's embeddings. */
export function textKey(caption: string, encoder: string): CacheKey {
  return cacheKey("text", { caption, encoder });
}
