/**
 * Encoded clips and prompts on disk, under keys made of everything that shapes them. A file appears whole or not at all,
 * so that its name alone says that an entry is there; one that is damaged all the same is noticed when it is read, and
 * removed. Runs may share a folder: who makes an entry claims it first, and who uses entries says so (`uses.ts`).
 *
 *     <folder>/latents/ab/abcdef….safetensors    tensor `latents` [1, C, T, h, w], float32
 *     <folder>/condition/ab/abcdef….safetensors  tensor `condition` [1, 4 + C, T, h, w], float32
 *     <folder>/mask/ab/abcdef….safetensors       tensor `mask` [1, 1, T, h, w], float32
 *     <folder>/text/ab/abcdef….safetensors       tensor `embeds` [n, D], as the encoder gave it
 */

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { dataCacheFolder, errorCode, makeFolder, sha256, stableHash, WeightsError } from "../base/mod.ts";
import type { DataConfig } from "../config/mod.ts";
import type { Tensor } from "../torch/mod.ts";
import { SafetensorsFile, saveSafetensors } from "../weights/mod.ts";
import { Claim } from "./claim.ts";

declare const keyBrand: unique symbol;
/** A content key: 64 hex digits. */
export type CacheKey = string & { readonly [keyBrand]: true };

/** What is kept, and the name of its tensor. */
export const CACHE_TENSORS = { latents: "latents", text: "embeds", condition: "condition", mask: "mask" } as const;
/** What is kept. */
export type CacheKind = keyof typeof CACHE_TENSORS;
/** What is kept of a window. */
export type WindowKind = Exclude<CacheKind, "text">;
/** All that can be kept. */
export const CACHE_KINDS = Object.keys(CACHE_TENSORS) as readonly CacheKind[];

const ENDING = ".safetensors";

/** The key of something that follows from `parts` alone. */
export function cacheKey(kind: CacheKind, parts: Readonly<Record<string, unknown>>): CacheKey {
  return stableHash({ kind, version: 1, ...parts }) as CacheKey;
}

/** The key in the name of an entry's file. @returns undefined for other files */
export function keyOfName(name: string): CacheKey | undefined {
  return /^[0-9a-f]{64}\.safetensors$/.test(name) ? name.slice(0, -ENDING.length) as CacheKey : undefined;
}

/** The folder that `data.cache.dir` means. */
export function dataCacheDir({ cache }: DataConfig): string {
  return cache.dir === "auto" ? dataCacheFolder() : cache.dir;
}

/** A folder of encoded clips and prompts. */
export class TensorCache {
  readonly folder: string;
  /** Entries that were written by way of this object. */
  readonly numWritten: Record<CacheKind, number> = { latents: 0, text: 0, condition: 0, mask: 0 };

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Where an entry is kept. */
  path(kind: CacheKind, key: CacheKey): string {
    return join(this.folder, kind, key.slice(0, 2), `${key}${ENDING}`);
  }

  /** The keys of all entries whose keys begin with `shard`, two hex digits: much faster than to ask for each. */
  keys(kind: CacheKind, shard: string): Set<CacheKey> {
    return new Set(namesIn(join(this.folder, kind, shard)).map(keyOfName).filter((key) => key !== undefined));
  }

  /** Whether an entry is there. */
  has(kind: CacheKind, key: CacheKey): boolean {
    return existsSync(this.path(kind, key));
  }

  /**
   * An entry; the tensor is the caller's.
   * @throws {WeightsError} if it is gone, or damaged or another's: then it is removed, so that it is made again
   */
  read(kind: CacheKind, key: CacheKey): Tensor {
    const path = this.path(kind, key);
    try {
      using file = SafetensorsFile.open(path);
      if (file.metadata.get("key") !== key) throw new WeightsError(`Cannot use "${path}": it is another's entry`);
      return file.read(CACHE_TENSORS[kind]);
    } catch (error) {
      if (error instanceof WeightsError) removeQuietly(path);
      throw error;
    }
  }

  /** Keeps an entry, with the hash of its numbers, by which `verifyCache` sees damage. @throws {DiskError} */
  write(kind: CacheKind, key: CacheKey, tensor: Tensor): void {
    const path = this.path(kind, key);
    makeFolder(join(path, ".."));
    const hash = tensor.withBytes(sha256);
    saveSafetensors(path, { [CACHE_TENSORS[kind]]: tensor }, { metadata: { key, kind, sha256: hash } });
    this.numWritten[kind]++;
  }

  /**
   * Claims the work on an entry.
   * @returns undefined if another process is at it
   * @throws {DiskError} if the disk refuses
   */
  claim(kind: CacheKind, key: CacheKey): Claim | undefined {
    const path = this.path(kind, key);
    makeFolder(join(path, ".."));
    return Claim.take(`${path}.lock`);
  }
}

/** The names in a folder; none if there is no such folder. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return [];
    throw error;
  }
}

/** Removes a file if it is there and can be removed. @returns whether it was */
export function removeQuietly(path: string): boolean {
  try {
    Deno.removeSync(path);
    return true;
  } catch {
    return false;
  }
}
