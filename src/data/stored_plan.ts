/**
 * The outcome of a start, kept in the cache for the next one: `<cache>/plans/<hash>.plan`, where the hash stands for all
 * that decides over the data but the files of the sources; their state is in the plan. A start that finds both unchanged
 * takes the plan and looks into no file. Nothing here is precious: a plan that is damaged or absent is made again.
 *
 *     wantune-plan <SHA-256 of the head> <bytes of the head>
 *     head      JSON: what is told, what the plan rests on, and the columns' names and lengths
 *     columns   one behind the other, each from a multiple of 8 bytes on
 *     report    JSON, as it is kept with a run
 */

import { join } from "node:path";
import { z } from "zod";
import { makeFolder, sha256, writeAll, writeAtomically } from "../base/mod.ts";
import type { EventBody } from "../events/mod.ts";
import { namesIn, removeQuietly } from "./cache.ts";
import type { RejectedFile } from "./codes.ts";
import { changedSince, type Grounds, stateOf } from "./grounds.ts";
import { type ItemColumns, ItemTable } from "./item_table.ts";
import { SETTLED_MS } from "./presence.ts";
import { touch } from "./uses.ts";

/** What a start comes to. */
export interface Outcome {
  readonly items: ItemTable;
  /** Keys of all texts, ascending. */
  readonly texts: Uint8Array;
  readonly rejected: readonly RejectedFile[];
  /** What was told of the files and of the data as a whole. */
  readonly events: readonly EventBody[];
  /** The data report as JSON, read when it is asked for; undefined if it is damaged. */
  readonly report: () => Uint8Array | undefined;
}

/** Plans that are kept; the one not used for longest goes first. Chosen. */
const MOST_PLANS = 10;
const MAGIC = "wantune-plan";
/** Of the first line. */
const MOST_LINE = 200;

const COLUMN_TYPES = {
  ...{ paths: Uint8Array, pathEnds: Uint32Array, contents: Uint8Array, repeats: Float64Array, weights: Float64Array },
  ...{ captionCounts: Uint32Array, captions: Uint8Array, captionEnds: Uint32Array },
  ...{ files: Uint32Array, sizes: Uint32Array, rates: Float64Array, variantCounts: Uint32Array },
  ...{ latents: Uint8Array, condition: Uint8Array, mask: Uint8Array, texts: Uint8Array },
} satisfies Record<keyof ItemColumns | "texts", unknown>;
type Columns = ItemColumns & { readonly texts: Uint8Array };
const COLUMN_NAMES = Object.keys(COLUMN_TYPES) as readonly (keyof Columns)[];

const paths = z.array(z.string()).readonly();
const headSchema = z.object({
  grounds: z.object({ trees: paths, found: paths, absent: paths }),
  state: z.string(),
  rejected: z.array(z.unknown()).readonly(),
  events: z.array(z.unknown()).readonly(),
  lengths: z.array(z.int().min(0)),
  columnBytes: z.int().min(0),
  columnHash: z.string(),
  reportHash: z.string(),
});
type Head = z.output<typeof headSchema>;

/** Reasons that may be gone at the next start though no file has changed. */
const PASSING: ReadonlySet<RejectedFile["code"]> = new Set<RejectedFile["code"]>(
  ["vanished", "file_changed", "permission", "unreadable", "unreadable_folder", "caption_unreadable"],
);

/** The plan of one way to use some sources. */
export class StoredPlan {
  readonly #path: string;

  /** @param identity stands for all that decides over the data but its files */
  constructor(folder: string, identity: string) {
    this.#path = join(folder, "plans", `${identity}.plan`);
  }

  /** The outcome, if the sources are as they were. */
  async read(): Promise<Outcome | undefined> {
    const opened = openPlan(this.#path);
    if (opened === undefined) return undefined;
    using file = opened;
    const head = readHead(file);
    if (head === undefined) return undefined;
    const state = stateOf(head.grounds); // goes on while the columns are read
    const columns = readColumns(file, head);
    if (await state !== head.state || columns === undefined) return undefined;
    touch(this.#path);
    return {
      items: new ItemTable(columns),
      texts: columns.texts,
      rejected: head.rejected as RejectedFile[],
      events: head.events as EventBody[],
      report: () => readReport(this.#path, head),
    };
  }

  /**
   * Keeps an outcome, if the sources have not changed since it began to be made and nothing speaks of what may pass.
   * @param options.startedAt before any file of the sources was looked at, in milliseconds since 1970
   * @throws {DiskError} if it cannot be written
   */
  async keep(outcome: Outcome, { grounds, startedAt }: { grounds: Grounds; startedAt: number }): Promise<void> {
    if (outcome.rejected.some(({ code }) => PASSING.has(code))) return;
    const state = await stateOf(grounds);
    // what was written to just before it was read may be written to again at what its clock takes for the same time
    if (state === undefined || await changedSince(grounds, startedAt - SETTLED_MS)) return;
    const report = outcome.report();
    if (report === undefined) return;
    const columns: Columns = { ...outcome.items.columns, texts: outcome.texts };
    const packed = packColumns(columns);
    const head: Head = {
      ...{ grounds, state, rejected: outcome.rejected, events: outcome.events },
      lengths: COLUMN_NAMES.map((name) => columns[name].length),
      columnBytes: packed.length,
      columnHash: sha256(packed),
      reportHash: sha256(report),
    };
    const text = new TextEncoder().encode(JSON.stringify(head));
    makeFolder(join(this.#path, ".."));
    writeAtomically(this.#path, (file) => {
      writeAll(file, new TextEncoder().encode(`${MAGIC} ${sha256(text)} ${text.length}\n`));
      for (const part of [text, packed, report]) writeAll(file, part);
    });
    forgetOldest(join(this.#path, ".."));
  }
}

function openPlan(path: string): Deno.FsFile | undefined {
  try {
    return Deno.openSync(path);
  } catch {
    return undefined; // there is none, or it cannot be read: it is made again
  }
}

function readHead(file: Deno.FsFile): Head | undefined {
  const start = new TextDecoder().decode(readUpTo(file, MOST_LINE));
  const [, line, hash, length] = /^(wantune-plan ([0-9a-f]{64}) (\d+)\n)/.exec(start) ?? [];
  if (line === undefined) return undefined;
  file.seekSync(line.length, Deno.SeekMode.Start);
  const text = readUpTo(file, Number(length));
  return sha256(text) === hash ? headSchema.parse(JSON.parse(new TextDecoder().decode(text))) : undefined;
}

/** The columns behind the head. */
function readColumns(file: Deno.FsFile, head: Head): Columns | undefined {
  const bytes = readUpTo(file, head.columnBytes);
  return sha256(bytes) === head.columnHash ? unpackColumns(bytes, head.lengths) : undefined;
}

function readReport(path: string, { reportHash }: Head): Uint8Array | undefined {
  const opened = openPlan(path);
  if (opened === undefined) return undefined;
  using file = opened;
  const head = readHead(file);
  if (head?.reportHash !== reportHash) return undefined;
  file.seekSync(head.columnBytes, Deno.SeekMode.Current);
  const report = readUpTo(file, file.statSync().size);
  return sha256(report) === reportHash ? report : undefined;
}

function packColumns(columns: Columns): Uint8Array {
  const places = placesOf(COLUMN_NAMES.map((name) => columns[name].byteLength));
  const packed = new Uint8Array(places.at(-1) ?? 0);
  COLUMN_NAMES.forEach((name, at) => {
    const { buffer, byteOffset, byteLength } = columns[name];
    packed.set(new Uint8Array(buffer, byteOffset, byteLength), places[at]);
  });
  return packed;
}

function unpackColumns(bytes: Uint8Array<ArrayBuffer>, lengths: readonly number[]): Columns {
  const sizes = COLUMN_NAMES.map((name, at) => (lengths[at] ?? 0) * COLUMN_TYPES[name].BYTES_PER_ELEMENT);
  const places = placesOf(sizes);
  const columns = COLUMN_NAMES.map((name, at) => {
    return [name, new COLUMN_TYPES[name](bytes.buffer, bytes.byteOffset + (places[at] ?? 0), lengths[at])];
  });
  return Object.fromEntries(columns) as Columns;
}

/** Where each column begins, and at last where all end. */
function placesOf(sizes: readonly number[]): number[] {
  const places = [0];
  for (const size of sizes) places.push(Math.ceil(((places.at(-1) ?? 0) + size) / 8) * 8);
  return places;
}

function readUpTo(file: Deno.FsFile, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Math.min(length, file.statSync().size));
  let done = 0;
  while (done < bytes.length) {
    const read = file.readSync(bytes.subarray(done));
    if (read === null) break;
    done += read;
  }
  return bytes.subarray(0, done);
}

function forgetOldest(folder: string): void {
  const plans = namesIn(folder).filter((name) => name.endsWith(".plan")).map((name) => join(folder, name));
  const timeOf = (path: string): number => Deno.statSync(path).mtime?.getTime() ?? 0;
  if (plans.length <= MOST_PLANS) return;
  const newestFirst = plans.map((path) => [timeOf(path), path] as const).sort(([a], [b]) => b - a);
  for (const [, path] of newestFirst.slice(MOST_PLANS)) removeQuietly(path);
}
