/**
 * Which entries of a cache are used: each use is a file `<cache>/uses/<hash>.keys` of the entries' keys, 32 bytes each.
 * While a run uses them it holds a lock on that file, and nothing in it may be evicted; afterwards the file's time says
 * when the entries were last used. Who evicts holds the gate alone, so that no use begins meanwhile.
 */

import { Buffer } from "node:buffer";
import { join } from "node:path";
import { diskError, makeFolder, sha256, writeAtomically } from "../base/mod.ts";
import { namesIn } from "./cache.ts";
import { KEY_BYTES } from "./key_columns.ts";

/** Uses that nobody holds and that are remembered for their time; the oldest are forgotten first. Chosen. */
const REMEMBERED = 100;

/** Entries are used until this is disposed of, or the process ends. */
export class CacheUse implements Disposable {
  readonly #path: string;
  #file: Deno.FsFile | undefined;

  private constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * Begins to use entries, there already or still to be made. Waits while another process evicts.
   * @param bytes their keys, 32 bytes each
   * @throws {DiskError} if the disk refuses
   */
  static async begin(folder: string, bytes: Uint8Array): Promise<CacheUse> {
    const uses = makeFolder(join(folder, "uses"));
    const path = join(uses, `${sha256(bytes)}.keys`);
    using _gate = await openGate(folder, { alone: false });
    try {
      if (!isWhole(path, bytes.length)) writeAtomically(path, bytes);
      const file = Deno.openSync(path, { read: true });
      await file.lock(false);
      touch(path);
      return new CacheUse(path, file);
    } catch (error) {
      throw diskError(`write "${path}"`, error);
    }
  }

  /** A file beside it for what was seen of these entries; see `presence.ts`. */
  get seenPath(): string {
    return seenPathOf(this.#path);
  }

  [Symbol.dispose](): void {
    if (this.#file === undefined) return;
    touch(this.#path);
    this.#file.close();
    this.#file = undefined;
  }
}

/** What is known about uses: when each entry was last used, and which are used now. */
export interface KnownUses {
  /** Milliseconds since 1970, by key. */
  readonly lastUsed: ReadonlyMap<string, number>;
  readonly held: ReadonlySet<string>;
  /** Files of uses that are over and older than those that are remembered, and the files beside them. */
  readonly forgotten: readonly string[];
}

/** Reads all uses. Hold the gate, if what is held must stay so. */
export function knownUses(folder: string): KnownUses {
  const lastUsed = new Map<string, number>();
  const held = new Set<string>();
  const over: { path: string; at: number }[] = [];
  for (const name of namesIn(join(folder, "uses")).filter((name) => name.endsWith(".keys"))) {
    const path = join(folder, "uses", name);
    const at = Deno.statSync(path).mtime?.getTime() ?? 0;
    const isHeld = isLocked(path);
    if (!isHeld) over.push({ path, at });
    const bytes = Buffer.from(Deno.readFileSync(path));
    for (let from = 0; from + KEY_BYTES <= bytes.length; from += KEY_BYTES) {
      const key = bytes.toString("hex", from, from + KEY_BYTES);
      lastUsed.set(key, Math.max(at, lastUsed.get(key) ?? 0));
      if (isHeld) held.add(key);
    }
  }
  const forgotten = over.sort((a, b) => b.at - a.at).slice(REMEMBERED).flatMap(({ path }) => [path, seenPathOf(path)]);
  return { lastUsed, held, forgotten };
}

function seenPathOf(path: string): string {
  return path.replace(/\.keys$/, ".seen");
}

/**
 * The gate of a cache: many may pass it to begin a use, one alone to evict.
 * @throws {DiskError} if the disk refuses
 */
export async function openGate(folder: string, { alone }: { alone: boolean }): Promise<Disposable> {
  const path = join(makeFolder(join(folder, "uses")), "gate");
  try {
    const file = Deno.openSync(path, { read: true, write: true, create: true });
    await file.lock(alone);
    return { [Symbol.dispose]: () => file.close() };
  } catch (error) {
    throw diskError(`lock "${path}"`, error);
  }
}

function isLocked(path: string): boolean {
  using file = Deno.openSync(path, { read: true });
  return !file.tryLockSync(true);
}

function isWhole(path: string, size: number): boolean {
  try {
    return Deno.statSync(path).size === size;
  } catch {
    return false;
  }
}

/** Sets the time of a file to now. */
export function touch(path: string): void {
  const now = new Date();
  try {
    Deno.utimeSync(path, now, now);
  } catch {
    // removed meanwhile, or another user's: only its time of use is lost
  }
}
