/** Looking after a cache: what is in it, whether it is whole, and what goes when it grows too large. */

import { join } from "node:path";
import { errorCode, makeFolder, sha256, WeightsError } from "../base/mod.ts";
import { SafetensorsFile } from "../weights/mod.ts";
import {
  CACHE_KINDS,
  CACHE_TENSORS,
  type CacheKey,
  type CacheKind,
  keyOfName,
  namesIn,
  removeQuietly,
} from "./cache.ts";
import { Claim } from "./claim.ts";
import { knownUses, openGate } from "./uses.ts";

/** One entry's file. */
export interface CacheEntry {
  readonly kind: CacheKind;
  readonly key: CacheKey;
  readonly path: string;
  readonly bytes: number;
  /** When it was made or last used, in milliseconds since 1970. */
  readonly usedAt: number;
  /** A run uses it now. */
  readonly isHeld: boolean;
}

/** How many entries, of how many bytes. */
export interface Amount {
  readonly entries: number;
  readonly bytes: number;
}

/** What a cache holds. */
export interface CacheStats {
  readonly folder: string;
  readonly kinds: Readonly<Record<CacheKind, Amount>>;
  readonly total: Amount;
  /** What runs use now. */
  readonly held: Amount;
  /** Time of the entry that was not used for longest. */
  readonly oldestUse: number | undefined;
  /** Half-written files and claims: of writers at work, or left by a kill. */
  readonly unfinished: number;
}

/** What {@linkcode pruneCache} removes; what a run uses now is never removed. */
export interface PruneOptions {
  /** Those not used for longest go until no more bytes than this are left. */
  readonly maxBytes?: number | undefined;
  /** Those last used before this time go, in milliseconds since 1970. */
  readonly usedBefore?: number | undefined;
}

/** What {@linkcode pruneCache} did. */
export interface PruneResult {
  readonly removed: Amount;
  readonly left: Amount;
  /** Of what is left, what runs use now. */
  readonly held: Amount;
  /** What kills had left and was removed. */
  readonly leftovers: number;
}

/** An entry that is not what its name promises. */
export interface DamagedEntry {
  readonly path: string;
  readonly reason: string;
}

/** Half-written files are those of a dead writer after this long: no write takes so long. Chosen. */
const LEFTOVER_MS = 60 * 60 * 1000;

/** Says what a cache holds. */
export function cacheStats(folder: string): CacheStats {
  const { entries, unfinished } = listCache(folder);
  const ofKind = (kind: CacheKind): Amount => amountOf(entries.filter((entry) => entry.kind === kind));
  return {
    folder,
    kinds: Object.fromEntries(CACHE_KINDS.map((kind) => [kind, ofKind(kind)])) as Record<CacheKind, Amount>,
    total: amountOf(entries),
    held: amountOf(entries.filter(({ isHeld }) => isHeld)),
    oldestUse: entries.length === 0 ? undefined : entries.reduce((at, { usedAt }) => Math.min(at, usedAt), Infinity),
    unfinished: unfinished.length,
  };
}

/** Removes what is too old or too much, and what kills left behind. @throws {DiskError} if the disk refuses */
export async function pruneCache(folder: string, options: PruneOptions = {}): Promise<PruneResult> {
  using _gate = await openGate(makeFolder(folder), { alone: true });
  const { entries, unfinished, forgotten } = listCache(folder);
  const { maxBytes = Infinity, usedBefore = -Infinity } = options;
  let { bytes } = amountOf(entries);
  const removed = new Set<CacheEntry>();
  for (const entry of entries.filter(({ isHeld }) => !isHeld).sort((a, b) => a.usedAt - b.usedAt)) {
    if (bytes <= maxBytes && entry.usedAt >= usedBefore) break;
    if (!removeQuietly(entry.path)) continue;
    removed.add(entry);
    bytes -= entry.bytes;
  }
  const left = entries.filter((entry) => !removed.has(entry));
  forgotten.forEach(removeQuietly);
  return {
    removed: amountOf([...removed]),
    left: amountOf(left),
    held: amountOf(left.filter(({ isHeld }) => isHeld)),
    leftovers: unfinished.filter(removeLeftover).length,
  };
}

/**
 * Reads every entry and compares its numbers with the hash that was written with them.
 * @param options.repair removes damaged entries, so that they are made again
 * @param options.tell hears how far it is; throws to stop
 */
export function verifyCache(
  folder: string,
  options: { repair?: boolean; tell?: (done: Amount, total: Amount) => void } = {},
): { checked: Amount; damaged: readonly DamagedEntry[] } {
  const { entries } = listCache(folder);
  const total = amountOf(entries);
  const damaged: DamagedEntry[] = [];
  let checked = { entries: 0, bytes: 0 };
  for (const entry of entries) {
    options.tell?.(checked, total);
    const reason = damageOf(entry);
    if (reason !== undefined) {
      damaged.push({ path: entry.path, reason });
      if (options.repair) removeQuietly(entry.path);
    }
    checked = { entries: checked.entries + 1, bytes: checked.bytes + entry.bytes };
  }
  return { checked, damaged };
}

function damageOf({ path, kind, key }: CacheEntry): string | undefined {
  try {
    using file = SafetensorsFile.open(path);
    const tensor = file.entries.get(CACHE_TENSORS[kind]);
    if (file.metadata.get("key") !== key) return "it is another's entry";
    if (tensor === undefined || file.entries.size !== 1) return `it holds no ${CACHE_TENSORS[kind]}, or more`;
    const bytes = Deno.readFileSync(path).subarray(tensor.start, tensor.end);
    return sha256(bytes) === file.metadata.get("sha256") ? undefined : "its numbers are not those that were written";
  } catch (error) {
    if (error instanceof WeightsError) return error.message;
    if (errorCode(error) === "ENOENT") return undefined; // evicted meanwhile
    throw error;
  }
}

function listCache(folder: string): { entries: CacheEntry[]; unfinished: string[]; forgotten: readonly string[] } {
  const { lastUsed, held, forgotten } = knownUses(folder);
  const entries: CacheEntry[] = [];
  const unfinished = ["uses", "plans"].map((name) => join(folder, name)).flatMap((beside) =>
    namesIn(beside).filter(isUnfinished).map((name) => join(beside, name))
  );
  for (const kind of CACHE_KINDS) {
    for (const shard of namesIn(join(folder, kind))) {
      for (const name of namesIn(join(folder, kind, shard))) {
        const path = join(folder, kind, shard, name);
        const key = keyOfName(name);
        if (key === undefined) {
          if (isUnfinished(name)) unfinished.push(path);
          continue;
        }
        const info = infoOf(path);
        if (info === undefined) continue;
        const usedAt = Math.max(info.mtime?.getTime() ?? 0, lastUsed.get(key) ?? 0);
        entries.push({ kind, key, path, bytes: info.size, usedAt, isHeld: held.has(key) });
      }
    }
  }
  return { entries, unfinished, forgotten };
}

function isUnfinished(name: string): boolean {
  return /^\..*\.tmp$|\.lock$/.test(name);
}

/** Removes a claim that nobody holds, or a half-written file that nobody writes to any more. */
function removeLeftover(path: string): boolean {
  if (path.endsWith(".lock")) {
    using claim = Claim.take(path); // giving it back removes it
    return claim !== undefined;
  }
  const age = Date.now() - (infoOf(path)?.mtime?.getTime() ?? Infinity);
  return age > LEFTOVER_MS && removeQuietly(path);
}

function infoOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined; // evicted meanwhile
    throw error;
  }
}

function amountOf(entries: readonly CacheEntry[]): Amount {
  return { entries: entries.length, bytes: entries.reduce((sum, { bytes }) => sum + bytes, 0) };
}
