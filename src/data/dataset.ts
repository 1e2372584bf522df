/** A dataset ready for training: any batch of any step at hand. */

import { createHash } from "node:crypto";
import { canonicalJson, DataError, random, seedFor } from "../base/mod.ts";
import { quoteName } from "../media/mod.ts";
import { cat, ones, type Tensor, tidy } from "../torch/mod.ts";
import { BatchOrder } from "./batches.ts";
import { type CacheKey, type CacheKind, type TensorCache } from "./cache.ts";
import type { RejectedFile } from "./codes.ts";
import type { DatasetItem, ItemTable } from "./item_table.ts";
import type { TextKeys } from "./text_keys.ts";
import type { CacheUse } from "./uses.ts";

/** What a training step works on. */
export interface Batch {
  /** [B, C, T, h, w] float32 on the host. */
  readonly latents: Tensor;
  /** Channels beside the noise, [B, 4 + C, T, h, w] float32 on the host; absent without an encoder of them. */
  readonly condition?: Tensor;
  /** What each latent counts, [B, 1, T, h, w] float32 on the host, 0 to 1; absent where no item has a mask. */
  readonly mask?: Tensor;
  /** For each item, [n, D] at its true length; that of the empty caption where the caption was dropped. */
  readonly text: readonly Tensor[];
  /** The captions that `text` stands for. */
  readonly captions: readonly string[];
  readonly items: readonly DatasetItem[];
  /** For each item, which of its variants. */
  readonly variants: readonly number[];
  readonly epoch: number;
}

/** Which batch. */
export interface BatchOptions {
  readonly batchSize: number;
  readonly seed: number | bigint;
  /** Probability that a caption is replaced by the empty one. Must be 0 unless the dataset was prepared with it. */
  readonly captionDropout?: number;
}

/** One place of a batch. */
interface Shown {
  readonly item: DatasetItem;
  readonly variant: number;
  /** Empty where it was dropped. */
  readonly caption: string;
}

/** The items of a run and their tensors, which are read from the cache as they are needed. */
export class Dataset implements Disposable {
  /** In the order of their paths. */
  readonly items: ItemTable;
  readonly rejected: readonly RejectedFile[];
  readonly #cache: TensorCache;
  readonly #texts: TextKeys;
  readonly #use: CacheUse;
  #fingerprint: string | undefined;
  #order: { readonly key: string; readonly order: BatchOrder } | undefined;

  /** Use `prepareDataset`. */
  constructor(
    items: ItemTable,
    parts: { rejected: readonly RejectedFile[]; cache: TensorCache; texts: TextKeys; use: CacheUse },
  ) {
    this.items = items;
    this.rejected = parts.rejected;
    this.#cache = parts.cache;
    this.#texts = parts.texts;
    this.#use = parts.use;
  }

  /** Where the entries are. */
  get cacheFolder(): string {
    return this.#cache.folder;
  }

  /** How many entries were made when the dataset was prepared; the others were there, or another process made them. */
  get numEncoded(): Readonly<Record<CacheKind, number>> {
    return this.#cache.numWritten;
  }

  /** Lets go of the entries in the cache: from now on they may be evicted. */
  [Symbol.dispose](): void {
    this.#use[Symbol.dispose]();
  }

  /**
   * Changes whenever a batch of the same number would hold something else: another clip, caption, crop or encoder. A
   * resumed run compares it.
   */
  get fingerprint(): string {
    return this.#fingerprint ??= this.#hashItems();
  }

  /** As `stableHash` of the list of all items, which is never there as a whole. */
  #hashItems(): string {
    const hash = createHash("sha256").update("[");
    let before = "";
    for (const { latentsKeys, conditionKeys, maskKeys, captions, repeats, weight, bucket } of this.items) {
      const texts = captions.map((caption) => this.#texts.find(caption));
      const item = [latentsKeys, texts, repeats, weight, bucket, { conditionKeys, maskKeys }];
      hash.update(before + canonicalJson(item));
      before = ",";
    }
    return hash.update("]").digest("hex");
  }

  /** The part of the dataset whose items pass a test. It holds the same entries of the cache: dispose of one of the two. */
  where(isWanted: (item: DatasetItem) => boolean): Dataset {
    const parts = { rejected: this.rejected, cache: this.#cache, texts: this.#texts, use: this.#use };
    return new Dataset(this.items.where(isWanted), parts);
  }

  /** Batches in an epoch. */
  batchesPerEpoch(options: BatchOptions): number {
    return this.#orderFor(options).perEpoch;
  }

  /**
   * The batch with this number, counted from 0 over the whole run (with gradient accumulation: micro-steps). It follows
   * from its arguments alone. The tensors are the caller's.
   * @throws {DataError} if the cache was emptied meanwhile
   */
  batch(index: number, options: BatchOptions): Batch {
    const { shown, epoch } = this.#shownAt(index, options);
    const items = shown.map(({ item }) => item);
    const variants = shown.map(({ variant }) => variant);
    const captions = shown.map(({ caption }) => caption);
    try {
      const tensors = tidy(() => ({
        latents: cat(shown.map(({ item, variant }) => this.latents(item, variant)), 0),
        text: captions.map((caption) => this.text(caption)),
        ...this.#beside(shown),
      }));
      return { ...tensors, captions, items, variants, epoch };
    } catch (error) {
      if (!(error instanceof Error) || error.name !== "WeightsError") throw error;
      throw new DataError(
        `Cannot read batch ${index} from the cache ${quoteName(this.#cache.folder)}: ${error.message}`,
        {
          cure: "leave the cache alone while a run uses it; resume, and what is missing is made again",
          cause: error,
        },
      );
    }
  }

  /**
   * Reads the files of a batch in threads of the system, which go on while this one computes, so that `batch` finds them
   * in memory. What cannot be read is told by `batch`.
   */
  async prefetch(index: number, options: BatchOptions): Promise<void> {
    const paths = this.#shownAt(index, options).shown.flatMap(({ item, variant, caption }) => [
      this.#pathOf("latents", item.latentsKeys[variant]),
      this.#pathOf("condition", item.conditionKeys?.[variant]),
      this.#pathOf("mask", item.maskKeys?.[variant]),
      this.#pathOf("text", this.#texts.find(caption)),
    ]);
    await Promise.all(paths.map((path) => path === undefined ? undefined : Deno.readFile(path).catch(() => {})));
  }

  #pathOf(kind: CacheKind, key: CacheKey | undefined): string | undefined {
    return key === undefined ? undefined : this.#cache.path(kind, key);
  }

  /** What the batch of this number shows. */
  #shownAt(index: number, options: BatchOptions): { shown: Shown[]; epoch: number } {
    const { entries, epoch } = this.#orderFor(options).batchAt(index);
    const shown = entries.flatMap(({ item: at, turn }, position) => {
      const item = this.items.at(at);
      if (item === undefined) return [];
      const draw = (purpose: string, count: number): number =>
        choiceAt(turn, { purpose, item: at, count, seed: options.seed });
      const variant = draw("data.variant", item.latentsKeys.length);
      const caption = item.captions[draw("data.caption", item.captions.length)] ?? "";
      const chance = random(seedFor(options.seed, "data.captionDropout", index, position)).next();
      return [{ item, variant, caption: chance < (options.captionDropout ?? 0) ? "" : caption }];
    });
    return { shown, epoch };
  }

  /**
   * The embeddings [n, D] of a caption or of a prompt that the dataset was prepared with, as the caller's own.
   * @throws {RangeError} for any other text
   */
  text(caption: string): Tensor {
    return this.#cache.read("text", this.#textKey(caption));
  }

  /** The latents [1, C, T, h, w] of one item, as the caller's own. @throws {RangeError} if it has no such variant */
  latents({ path, latentsKeys }: DatasetItem, variant = 0): Tensor {
    const key = latentsKeys[variant];
    if (key === undefined) throw new RangeError(`${quoteName(path)} has no variant ${variant}`);
    return this.#cache.read("latents", key);
  }

  /** Conditions, and masks: all ones for items without, where another one of the batch has one. */
  #beside(shown: readonly { item: DatasetItem; variant: number }[]): Pick<Batch, "condition" | "mask"> {
    const read = (kind: "condition" | "mask", key: CacheKey | undefined): Tensor[] =>
      key === undefined ? [] : [this.#cache.read(kind, key)];
    const conditions = shown.flatMap(({ item, variant }) => read("condition", item.conditionKeys?.[variant]));
    const masks = shown.map(({ item, variant }) => read("mask", item.maskKeys?.[variant])[0]);
    const some = masks.find((mask) => mask !== undefined);
    return {
      ...(conditions.length === 0 ? {} : { condition: cat(conditions, 0) }),
      ...(some === undefined ? {} : { mask: cat(masks.map((mask) => mask ?? ones(some.shape)), 0) }),
    };
  }

  #textKey(caption: string): CacheKey {
    const key = this.#texts.find(caption);
    if (key !== undefined) return key;
    throw new RangeError(
      caption === ""
        ? "captionDropout needs a dataset that was prepared with data.captionDropout above 0"
        : `the dataset was not prepared with the text ${JSON.stringify(caption)}`,
    );
  }

  #orderFor({ batchSize, seed }: BatchOptions): BatchOrder {
    const key = `${batchSize}:${seed}`;
    if (this.#order?.key !== key) {
      this.#order = { key, order: new BatchOrder(this.items.orderables(), { batchSize, seed }) };
    }
    return this.#order.order;
  }
}

/**
 * Which of its variants or captions an item shows when it comes up for the `turn`-th time, counted from 0 over the run:
 * all of them before one comes again, in an order drawn anew for each round.
 */
export function choiceAt(
  turn: number,
  { purpose, item, count, seed }: { purpose: string; item: number; count: number; seed: number | bigint },
): number {
  if (count < 2) return 0;
  const round = Math.floor(turn / count);
  const order = random(seedFor(seed, purpose, item, round)).shuffle(Array.from({ length: count }, (_, k) => k));
  return order[turn % count] ?? 0;
}
