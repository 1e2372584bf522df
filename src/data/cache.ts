/**
 * Encoded clips and prompts on disk, under keys made of everything that shapes them. A file appears whole or not at all;
 * one that is damaged all the same is removed and made again. Runs may share a folder: who encodes an item claims it
 * first, so that the same work is rarely done twice.
 *
 *     <folder>/latents/ab/abcdef….safetensors    tensor `latents` [1, C, T, h, w], float32
 *     <folder>/text/ab/abcdef….safetensors       tensor `embeds` [n, D], as the encoder gave it
 */

import { hostname } from "node:os";
import { join } from "node:path";
import { kill } from "node:process";
import { dataCacheFolder, diskError, errorCode, makeFolder, stableHash, WeightsError } from "../base/mod.ts";
import type { DataConfig } from "../config/mod.ts";
import type { Tensor } from "../torch/mod.ts";
import { SafetensorsFile, saveSafetensors } from "../weights/mod.ts";

declare const keyBrand: unique symbol;
/** A content key: 64 hex digits. */
export type CacheKey = string & { readonly [keyBrand]: true };
/** What is kept. */
export type CacheKind = "latents" | "text";

const TENSOR = { latents: "latents", text: "embeds" } as const;
/** A claim of another machine is taken for forgotten after this long. Chosen. */
const CLAIM_MS = 30 * 60 * 1000;

/** The key of something that follows from `parts` alone. */
export function cacheKey(kind: CacheKind, parts: Readonly<Record<string, unknown>>): CacheKey {
  return stableHash({ kind, version: 1, ...parts }) as CacheKey;
}

/** The folder that `data.cache.dir` means. */
export function dataCacheDir({ cache }: DataConfig): string {
  return cache.dir === "auto" ? dataCacheFolder() : cache.dir;
}

/** A folder of encoded clips and prompts. */
export class TensorCache {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Where an entry is kept. */
  path(kind: CacheKind, key: CacheKey): string {
    return join(this.folder, kind, key.slice(0, 2), `${key}.safetensors`);
  }

  /** Whether an entry is there and whole. A damaged one is removed. */
  has(kind: CacheKind, key: CacheKey): boolean {
    const path = this.path(kind, key);
    try {
      using file = SafetensorsFile.open(path);
      if (file.metadata.get("key") === key && file.entries.has(TENSOR[kind])) return true;
    } catch (error) {
      if (!(error instanceof WeightsError)) throw error;
    }
    removeQuietly(path);
    return false;
  }

  /** An entry; the tensor is the caller's. @throws {WeightsError} if it is gone or damaged */
  read(kind: CacheKind, key: CacheKey): Tensor {
    using file = SafetensorsFile.open(this.path(kind, key));
    return file.read(TENSOR[kind]);
  }

  /** Keeps an entry. @throws {DiskError} if the disk refuses */
  write(kind: CacheKind, key: CacheKey, tensor: Tensor): void {
    const path = this.path(kind, key);
    makeFolder(join(path, ".."));
    saveSafetensors(path, { [TENSOR[kind]]: tensor }, { metadata: { key, kind } });
  }

  /**
   * Claims the work on an entry.
   * @returns undefined if another process that lives is at it
   * @throws {DiskError} if the disk refuses
   */
  claim(kind: CacheKind, key: CacheKey): Claim | undefined {
    const path = `${this.path(kind, key)}.lock`;
    makeFolder(join(path, ".."));
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        Deno.writeTextFileSync(path, JSON.stringify({ pid: Deno.pid, host: hostname() }), { createNew: true });
        return new Claim(path);
      } catch (error) {
        if (errorCode(error) !== "EEXIST") throw diskError(`write "${path}"`, error);
        if (!isForgotten(path)) return undefined;
        removeQuietly(path);
      }
    }
    return undefined;
  }
}

/** The right to make one entry; given back when disposed of. */
export class Claim implements Disposable {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  [Symbol.dispose](): void {
    removeQuietly(this.#path);
  }
}

/** Whether the process that made a claim is gone. */
function isForgotten(path: string): boolean {
  let owner: { pid?: unknown; host?: unknown };
  let age: number;
  try {
    age = Date.now() - (Deno.statSync(path).mtime?.getTime() ?? 0);
    owner = JSON.parse(Deno.readTextFileSync(path) || "{}");
  } catch (error) {
    return !(error instanceof SyntaxError) && errorCode(error) === "ENOENT"; // it was given back just now
  }
  if (owner.host !== hostname() || typeof owner.pid !== "number") return age > CLAIM_MS;
  if (owner.pid === Deno.pid) return false;
  try {
    kill(owner.pid, 0); // asks only
    return false;
  } catch (error) {
    return errorCode(error) === "ESRCH";
  }
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // it is not there
  }
}
