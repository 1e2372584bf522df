/** Which clips of a run are held out: they are measured on and never trained on. */
import { join } from "node:path";
import { ConfigError, sha256 } from "../base/mod.ts";
import type { DataConfig, RunConfig } from "../config/mod.ts";
import type { Dataset, DatasetItem, ItemTable } from "../data/mod.ts";

/** A dataset in two parts that share no file and no content. */
export interface Split {
  readonly training: Dataset;
  /** Undefined where nothing is held out. */
  readonly heldOut: Dataset | undefined;
}

/** The section `data` with the sources of the validation beside its own, so that all clips are encoded in one go. */
export function withHeldOutSources({ data, validation }: Pick<RunConfig, "data" | "validation">): DataConfig {
  return { ...data, sources: [...data.sources, ...validation?.sources ?? []] };
}

/**
 * Splits what was prepared of {@linkcode withHeldOutSources}. Files are told apart by their content, so that copies and
 * windows of one file land on one side.
 * @throws {ConfigError} if nothing is left on one of the sides
 */
export function splitDataset(dataset: Dataset, { validation }: Pick<RunConfig, "validation">): Split {
  if (validation === undefined) return { training: dataset, heldOut: undefined };
  const held = validation.sources === undefined
    ? chosen(dataset.items, validation)
    : new Set(dataset.items.where((item) => liesIn(item, validation.sources ?? [])).map(({ content }) => content));
  const training = dataset.where(({ content }) => !held.has(content));
  const heldOut = dataset.where(({ content }) => held.has(content));
  for (
    const [part, use, cure] of [
      [training, "train on", "add clips to data.sources, or hold out fewer"],
      [heldOut, "validate on", "name sources in validation.sources that hold usable clips"],
    ] as const
  ) {
    if (part.items.length === 0) throw new ConfigError(`Cannot ${use} any clip: all are on the other side.`, { cure });
  }
  return { training, heldOut };
}

/** The contents with the lowest hashes under the seed: a file that comes or goes moves no other. */
function chosen(items: ItemTable, { share, seed }: { share: number; seed: number }): Set<string> {
  const contents = byChance([...new Set(items.map(({ content }) => content))], seed, (content) => content);
  return new Set(contents.slice(0, Math.max(1, Math.round(share * contents.length))));
}

/** Items in an order by chance that depends on each by itself. */
export function byChance<T>(items: Iterable<T>, seed: number, nameOf: (item: T) => string): T[] {
  return Array.from(items, (item) => [sha256(`${seed}:${nameOf(item)}`), item] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, item]) => item);
}

function liesIn({ path }: DatasetItem, sources: readonly { readonly path: string }[]): boolean {
  return sources.some((source) => path === source.path || path.startsWith(join(source.path, "/")));
}
