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

/** The times that the items of one bucket come up in an epoch: one place for each, those of an item in a row. */
interface Places {
  /** Which item. */
  readonly items: Uint32Array;
  /** Which of the item's times. */
  readonly repeat: Uint32Array;
  /** How many of them there are. */
  readonly repeats: Uint32Array;
}

/** Places of one bucket that share a batch. */
interface PlannedBatch {
  readonly bucket: Places;
  readonly places: readonly number[];
}

/** The batches of a run, any of which can be asked for. */
export class BatchOrder {
  readonly batchSize: number;
  /** Batches in an epoch. */
  readonly perEpoch: number;
  readonly #seed: number | bigint;
  readonly #buckets: readonly Places[];
  #epoch: { readonly number: number; readonly batches: readonly PlannedBatch[] } | undefined;

  /** @throws {RangeError} if there is no item or the size of a batch is no positive integer */
  constructor(items: Iterable<Orderable>, options: { batchSize: number; seed: number | bigint }) {
    const { batchSize, seed } = options;
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new RangeError(`batchSize must be 1 or more, not ${batchSize}`);
    }
    this.batchSize = batchSize;
    this.#seed = seed;
    this.#buckets = placesOf(items);
    if (this.#buckets.length === 0) throw new RangeError("there are no items to make batches of");
    this.perEpoch = this.#buckets.reduce((sum, { items }) => sum + Math.ceil(items.length / batchSize), 0);
  }

  /** The batch with this number, counted from 0 over the whole run. */
  batchAt(index: number): OrderedBatch {
    if (!Number.isSafeInteger(index) || index < 0) throw new RangeError(`there is no batch ${index}`);
    const epoch = Math.floor(index / this.perEpoch);
    const position = index % this.perEpoch;
    if (this.#epoch?.number !== epoch) this.#epoch = { number: epoch, batches: this.#plan(epoch) };
    const batch = this.#epoch.batches[position];
    if (batch === undefined) return { epoch, position, entries: [] };
    const { items, repeat, repeats } = batch.bucket;
    const entries = batch.places.map((place) => {
      return { item: items[place] ?? 0, turn: epoch * (repeats[place] ?? 0) + (repeat[place] ?? 0) };
    });
    return { epoch, position, entries };
  }

  #plan(epoch: number): readonly PlannedBatch[] {
    const batches = this.#buckets.flatMap((bucket, number) => {
      const all = Array.from(bucket.items, (_, place) => place);
      const order = random(seedFor(this.#seed, "data.order", epoch, number)).shuffle(all);
      return Array.from({ length: Math.ceil(order.length / this.batchSize) }, (_, at): PlannedBatch => {
        const places = order.slice(at * this.batchSize, (at + 1) * this.batchSize);
        this.#fill(places, { bucket, epoch, number });
        return { bucket, places };
      });
    });
    return random(seedFor(this.#seed, "data.batches", epoch)).shuffle(batches);
  }

  /** Fills a batch that is not full with items of the bucket; those that it has already come last. */
  #fill(
    batch: number[],
    { bucket: { items, repeat, repeats }, epoch, number }: { bucket: Places; epoch: number; number: number },
  ): void {
    if (batch.length === this.batchSize) return;
    const draw = random(seedFor(this.#seed, "data.fill", epoch, number));
    const distinct = Array.from(items, (_, place) => place)
      .filter((place) => repeat[place] === (repeats[place] ?? 0) - 1); // the last place of each item
    while (batch.length < this.batchSize) {
      const there = new Set(batch.map((place) => items[place]));
      const missing = distinct.filter((place) => !there.has(items[place]));
      const more = draw.shuffle(missing.length > 0 ? missing : distinct);
      batch.push(...more.slice(0, this.batchSize - batch.length));
    }
  }
}

/** The places of each bucket, in the order of the buckets' names. */
function placesOf(items: Iterable<Orderable>): Places[] {
  const buckets = new Map<string, { items: number[]; repeat: number[]; repeats: number[] }>();
  let item = 0;
  for (const { bucket, repeats } of items) {
    const places = buckets.get(bucket) ?? { items: [], repeat: [], repeats: [] };
    for (let repeat = 0; repeat < repeats; repeat++) {
      places.items.push(item);
      places.repeat.push(repeat);
      places.repeats.push(repeats);
    }
    buckets.set(bucket, places);
    item++;
  }
  return [...buckets].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, places]) => ({
    items: Uint32Array.from(places.items),
    repeat: Uint32Array.from(places.repeat),
    repeats: Uint32Array.from(places.repeats),
  }));
}
