/**
 * The order of the data. It follows from the seed and the epoch alone, so that a resumed run needs only its step number.
 *
 * In an epoch every item comes up `repeats` times. A batch never mixes buckets; where the last batch of a bucket is not
 * full, items of the bucket that are drawn anew fill it, so that all batches have one size and no item is left out.
 */

import { random, seedFor } from "../base/mod.ts";

/** What the order needs to know of an item. */
export interface Orderable {
  readonly bucket: string;
  readonly repeats: number;
}

/** One place in a batch. */
export interface OrderedEntry {
  /** Index into the list that the order was made from. */
  readonly item: number;
  /** How often the item came up before, counted over the run; what fills up a batch does not count. */
  readonly turn: number;
}

/** One batch of the order. */
export interface OrderedBatch {
  readonly epoch: number;
  /** Position within the epoch, from 0. */
  readonly position: number;
  /** All of one bucket. */
  readonly entries: readonly OrderedEntry[];
}

/** One of the times that an item comes up in an epoch. */
interface Place {
  readonly item: number;
  readonly repeat: number;
  readonly repeats: number;
}

/** The batches of a run, any of which can be asked for. */
export class BatchOrder {
  readonly batchSize: number;
  /** Batches in an epoch. */
  readonly perEpoch: number;
  readonly #seed: number | bigint;
  readonly #buckets: readonly (readonly Place[])[];
  #epoch: { readonly number: number; readonly batches: readonly (readonly OrderedEntry[])[] } | undefined;

  /** @throws {RangeError} if there is no item or the size of a batch is no positive integer */
  constructor(items: readonly Orderable[], options: { batchSize: number; seed: number | bigint }) {
    const { batchSize, seed } = options;
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new RangeError(`batchSize must be 1 or more, not ${batchSize}`);
    }
    if (items.length === 0) throw new RangeError("there are no items to make batches of");
    const buckets = new Map<string, Place[]>();
    items.forEach(({ bucket, repeats }, item) => {
      const list = buckets.get(bucket) ?? [];
      for (let repeat = 0; repeat < repeats; repeat++) list.push({ item, repeat, repeats });
      buckets.set(bucket, list);
    });
    this.batchSize = batchSize;
    this.#seed = seed;
    this.#buckets = [...buckets].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, list]) => list);
    this.perEpoch = this.#buckets.reduce((sum, list) => sum + Math.ceil(list.length / batchSize), 0);
  }

  /** The batch with this number, counted from 0 over the whole run. */
  batchAt(index: number): OrderedBatch {
    if (!Number.isSafeInteger(index) || index < 0) throw new RangeError(`there is no batch ${index}`);
    const epoch = Math.floor(index / this.perEpoch);
    const position = index % this.perEpoch;
    if (this.#epoch?.number !== epoch) this.#epoch = { number: epoch, batches: this.#plan(epoch) };
    return { epoch, position, entries: this.#epoch.batches[position] ?? [] };
  }

  #plan(epoch: number): readonly (readonly OrderedEntry[])[] {
    const batches: OrderedEntry[][] = [];
    this.#buckets.forEach((places, bucket) => {
      const list = places.map(({ item, repeat, repeats }) => ({ item, turn: epoch * repeats + repeat }));
      const order = random(seedFor(this.#seed, "data.order", epoch, bucket)).shuffle(list);
      for (let at = 0; at < order.length; at += this.batchSize) batches.push(order.slice(at, at + this.batchSize));
      const last = batches.at(-1);
      if (last !== undefined) this.#fill(last, { list, epoch, bucket });
    });
    return random(seedFor(this.#seed, "data.batches", epoch)).shuffle(batches);
  }

  /** Fills a batch with items of the bucket; those that it has already come last. */
  #fill(
    batch: OrderedEntry[],
    { list, epoch, bucket }: { list: readonly OrderedEntry[]; epoch: number; bucket: number },
  ): void {
    const draw = random(seedFor(this.#seed, "data.fill", epoch, bucket));
    const distinct = [...new Map(list.map((entry) => [entry.item, entry])).values()];
    while (batch.length < this.batchSize) {
      const there = new Set(batch.map(({ item }) => item));
      const missing = distinct.filter(({ item }) => !there.has(item));
      const more = draw.shuffle(missing.length > 0 ? missing : distinct);
      batch.push(...more.slice(0, this.batchSize - batch.length));
    }
  }
}
