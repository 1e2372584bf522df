/**
 * Which of the entries that a run uses are there. A folder of the cache that was changed since all of them were seen in it
 * is listed; the others are not looked into, for nothing comes into a folder or leaves it without changing its time.
 */

import { join } from "node:path";
import { z } from "zod";
import { writeAtomically } from "../base/mod.ts";
import { CACHE_KINDS, type CacheKey, type CacheKind, type TensorCache } from "./cache.ts";
import { hexOf, KEY_BYTES, keyAt, type KeyColumns } from "./key_columns.ts";

/** A folder that was changed less than this before it was looked at may change again without a change of its time. Chosen. */
export const SETTLED_MS = 2000;

/** By folder (`latents/ab`) its state when everything of a use was in it. */
const seenSchema = z.record(z.string(), z.string());
type Seen = z.output<typeof seenSchema>;

/**
 * The entries that are missing. Begin the use first: from then on nobody evicts what is there.
 * @param options.seenPath where is kept in which folders nothing was missing; may be absent or damaged
 * @throws {DiskError} if that cannot be written
 */
export function missingEntries(
  cache: TensorCache,
  { columns, seenPath }: { columns: KeyColumns; seenPath: string },
): Record<CacheKind, Set<CacheKey>> {
  const before = readSeen(seenPath);
  const after: Seen = {};
  const missing: Record<CacheKind, Set<CacheKey>> = {
    latents: new Set(),
    text: new Set(),
    condition: new Set(),
    mask: new Set(),
  };
  let changed = false;
  for (const kind of CACHE_KINDS) {
    for (const [shard, places] of placesByShard(columns[kind])) {
      const folder = `${kind}/${shard}`;
      const state = settledState(join(cache.folder, kind, shard)); // before it is listed
      if (state === undefined || before[folder] !== state) {
        const there = cache.keys(kind, shard);
        const absent = places.map((place) => keyAt(columns[kind], place)).filter((key) => !there.has(key as CacheKey));
        for (const key of absent) if (key !== undefined) missing[kind].add(key);
        changed = true;
        if (absent.length > 0) continue;
      }
      if (state !== undefined) after[folder] = state;
    }
  }
  if (changed) writeAtomically(seenPath, JSON.stringify(after));
  return missing;
}

/** The places of a column by the folder that their entries lie in. */
function placesByShard(column: Uint8Array): Map<string, number[]> {
  const shards: (number[] | undefined)[] = [];
  for (let place = 0; place < column.length / KEY_BYTES; place++) {
    (shards[column[KEY_BYTES * place] ?? 0] ??= []).push(place);
  }
  return new Map(
    shards.flatMap((places) => {
      const [first] = places ?? [];
      return places === undefined || first === undefined
        ? []
        : [[hexOf(column, KEY_BYTES * first, KEY_BYTES * first + 1), places] as const];
    }),
  );
}

/** A state of a folder that cannot be another one's; undefined where it was changed just now, or is not there. */
function settledState(path: string): string | undefined {
  try {
    const now = Date.now();
    const { mtime, ctime, ino } = Deno.statSync(path);
    const changedAt = Math.max(mtime?.getTime() ?? now, ctime?.getTime() ?? now);
    return now - changedAt < SETTLED_MS ? undefined : `${mtime?.getTime()}:${ctime?.getTime()}:${ino}`;
  } catch {
    return undefined; // told by whoever wants what is in it
  }
}

function readSeen(path: string): Seen {
  try {
    return seenSchema.parse(JSON.parse(Deno.readTextFileSync(path)));
  } catch {
    return {}; // nothing was seen yet, or what was is lost: then all is looked at
  }
}
