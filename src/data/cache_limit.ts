/** Keeps a cache within its size while it grows. */

import { formatBytes } from "../base/mod.ts";
import type { Emit } from "../events/mod.ts";
import { pruneCache, type PruneResult } from "./cache_care.ts";

const GIB = 2 ** 30;
/** Of the limit: so much may be written before it is looked at again. Chosen. */
const SHARE = 0.05;

/** The limit `data.cache.maxGiB` of a cache that this process fills; without one nothing is looked at or removed. */
export class CacheLimit {
  readonly #folder: string;
  readonly #maxBytes: number | undefined;
  #written = 0;

  constructor(folder: string, { maxGiB }: { maxGiB?: number | undefined }) {
    this.#folder = folder;
    this.#maxBytes = maxGiB === undefined ? undefined : maxGiB * GIB;
  }

  /** So many bytes were written; makes room if that was much. */
  async wrote(bytes: number): Promise<void> {
    if (this.#maxBytes === undefined) return;
    this.#written += bytes;
    if (this.#written > this.#maxBytes * SHARE) await this.#prune(this.#maxBytes);
  }

  /** The cache is filled: makes room, and tells if what is in use alone is too much. */
  async end(emit: Emit | undefined): Promise<void> {
    if (this.#maxBytes === undefined || this.#written === 0) return;
    const { left, held } = await this.#prune(this.#maxBytes);
    if (left.bytes <= this.#maxBytes) return;
    emit?.({
      type: "warning",
      message:
        `the cache ${JSON.stringify(this.#folder)} holds ${formatBytes(left.bytes)}, more than data.cache.maxGiB ` +
        `allows: ${formatBytes(held.bytes)} of it are in use`,
      cure: `set data.cache.maxGiB to ${Math.ceil(held.bytes / GIB)} or more`,
    });
  }

  async #prune(maxBytes: number): Promise<PruneResult> {
    this.#written = 0;
    return await pruneCache(this.#folder, { maxBytes });
  }
}
