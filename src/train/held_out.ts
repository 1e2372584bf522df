/** Which clips of a run are held out: they are measured on and never trained on. */
import { join } from "node:path";
import { ConfigError, sha256 } from "../base/mod.ts";
import type { DataConfig, RunConfig } from "../config/mod.ts";
import type { Dataset } from "../data/mod.ts";

/** A dataset in two parts that share no file and no content. */
export interface Split {
  readonly training: Dataset;
  /** Undefined where nothing is held out. */
  readonly heldOut: Dataset | undefined;
}

/** A file by its place and its content. */
interface UsedFile {
  readonly path: string;
  readonly content: string;
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
  const held = heldOutOf(dataset.items, { validation });
  return {
    training: dataset.where(({ content }) => !held.has(content)),
    heldOut: dataset.where(({ content }) => held.has(content)),
  };
}

/**
 * The contents that are held out of some files.
 * @throws {ConfigError} if nothing is left on one of the sides
 */
export function heldOutOf(files: Iterable<UsedFile>, { validation }: Pick<RunConfig, "validation">): Set<string> {
  if (validation === undefined) return new Set();
  const { sources } = validation, contents = new Map<string, boolean>();
  for (const file of files) {
    const isNamed = sources !== undefined && liesIn(file, sources);
    contents.set(file.content, isNamed || (contents.get(file.content) ?? false));
  }
  const held = sources === undefined
    ? chosen([...contents.keys()], validation)
    : new Set([...contents].filter(([, isNamed]) => isNamed).map(([content]) => content));
  for (
    const [count, use, cure] of [
      [contents.size - held.size, "train on", "add clips to data.sources, or hold out fewer"],
      [held.size, "validate on", "name sources in validation.sources that hold usable clips"],
    ] as const
  ) {
    if (count === 0) throw new ConfigError(`Cannot ${use} any clip: all are on the other side.`, { cure });
  }
  return held;
}

/** The contents with the lowest hashes under the seed: a file that comes or goes moves no other. */
function chosen(contents: readonly string[], { share, seed }: { share: number; seed: number }): Set<string> {
  const ordered = byChance(contents, seed, (content) => content);
  return new Set(ordered.slice(0, Math.max(1, Math.round(share * contents.length))));
}

/** Items in an order by chance that depends on each by itself. */
export function byChance<T>(items: Iterable<T>, seed: number, nameOf: (item: T) => string): T[] {
  return Array.from(items, (item) => [sha256(`${seed}:${nameOf(item)}`), item] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, item]) => item);
}

function liesIn({ path }: UsedFile, sources: readonly { readonly path: string }[]): boolean {
  return sources.some((source) => path === source.path || path.startsWith(join(source.path, "/")));
}
