/** Keys of many entries in a row of bytes: an eighth of what they take as texts. */

import { Buffer } from "node:buffer";
import { CACHE_KINDS, type CacheKey, type CacheKind } from "./cache.ts";

/** Bytes of a key. */
export const KEY_BYTES = 32;
const NO_KEY = "0".repeat(2 * KEY_BYTES);

/** Keys of each kind, 32 bytes each; a place without a key is all zeros. */
export type KeyColumns = Readonly<Record<CacheKind, Uint8Array>>;

/** Puts keys in a row. */
export function packKeys(keys: Iterable<CacheKey | undefined>): Uint8Array {
  return Uint8Array.fromHex(Array.from(keys, (key) => key ?? NO_KEY).join(""));
}

/** The key in one place. @returns undefined where there is none */
export function keyAt(column: Uint8Array, place: number): CacheKey | undefined {
  const hex = hexOf(column, KEY_BYTES * place, KEY_BYTES * (place + 1));
  return hex === "" || hex === NO_KEY ? undefined : hex as CacheKey;
}

/** The keys of a column that are there, in hex, with the number of their place. */
export function* keysIn(column: Uint8Array): Generator<CacheKey> {
  for (let place = 0; place < column.length / KEY_BYTES; place++) {
    const key = keyAt(column, place);
    if (key !== undefined) yield key;
  }
}

/** All columns as one. */
export function joinColumns(columns: KeyColumns): Uint8Array {
  return Buffer.concat(CACHE_KINDS.map((kind) => columns[kind]));
}

/** Bytes as lower-case hex. */
export function hexOf(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex", from, to);
}
