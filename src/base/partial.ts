/** A file that is still arriving: what is there counts, also after a restart, and its hash grows with it. */

import { createHash, type Hash } from "node:crypto";
import { writeAll } from "./atomic.ts";
import { diskError } from "./disk.ts";
import { SetupError } from "./errors.ts";

/** A hash that a file must have. `git-blob` is the object id that git gives a file's content. */
export interface Digest {
  readonly kind: "sha256" | "git-blob";
  /** Lower-case hex. */
  readonly hex: string;
}

const CHUNK_BYTES = 1 << 20;

/** Size of a file, 0 if there is none. */
export function fileSize(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch {
    return 0;
  }
}

/**
 * The digest of a file, read in pieces.
 * @throws {Deno.errors.NotFound} and other errors of the system
 */
export function digestFile(path: string, kind: Digest["kind"]): string {
  const hash = startHash(kind, fileSize(path));
  feed(hash, path);
  return hash.digest("hex");
}

/** An open partial file. What it holds already is read once for the hash, and never fetched again. */
export class PartialFile implements Disposable {
  readonly path: string;
  readonly #file: Deno.FsFile;
  readonly #kind: Digest["kind"] | undefined;
  /** Bytes of the whole file, where the hash begins with them. */
  readonly #total: number;
  #hash: Hash | undefined;
  #size: number;

  /**
   * Opens the file, which need not exist.
   * @param options.total bytes of the whole file; what is there beyond them makes it start anew
   * @throws {DiskError} if the disk refuses
   * @throws {SetupError} if another process is writing it
   */
  constructor(path: string, options: { kind?: Digest["kind"] | undefined; total?: number | undefined }) {
    const { kind, total = Infinity } = options;
    if (kind === "git-blob" && !Number.isFinite(total)) throw new RangeError("a git-blob hash wants the file's size");
    this.path = path;
    this.#kind = kind;
    this.#total = total;
    try {
      this.#file = Deno.openSync(path, { read: true, write: true, create: true });
    } catch (error) {
      throw diskError(`write "${path}"`, error);
    }
    if (!this.#file.tryLockSync(true)) {
      this.#file.close();
      throw new SetupError(`Cannot write "${path}": another process is fetching it.`, {
        cure: "wait until it is done",
      });
    }
    this.#size = fileSize(path);
    this.#file.seekSync(this.#size, Deno.SeekMode.Start);
    if (this.#size > total) this.restart();
  }

  /** Bytes that are there. */
  get size(): number {
    return this.#size;
  }

  /** Throws away what is there. */
  restart(): void {
    this.#file.truncateSync(0);
    this.#file.seekSync(0, Deno.SeekMode.Start);
    this.#size = 0;
    this.#hash = undefined;
  }

  /** Adds bytes at the end. @throws {DiskError} if the disk refuses; what fitted stays */
  append(bytes: Uint8Array): void {
    const hash = this.#hashSoFar();
    try {
      writeAll(this.#file, bytes);
    } catch (error) {
      throw diskError(`write "${this.path}"`, error);
    }
    this.#size += bytes.length;
    hash?.update(bytes);
  }

  /** Flushes it. @throws {DiskError} if the disk refuses */
  sync(): void {
    try {
      this.#file.syncSync();
    } catch (error) {
      throw diskError(`write "${this.path}"`, error);
    }
  }

  /** The hash of what is there, in hex; ends the counting. Undefined if none was wanted. */
  digest(): string | undefined {
    return this.#hashSoFar()?.digest("hex");
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }

  #hashSoFar(): Hash | undefined {
    if (this.#kind === undefined) return undefined;
    if (this.#hash === undefined) {
      this.#hash = startHash(this.#kind, this.#total);
      feed(this.#hash, this.path);
    }
    return this.#hash;
  }
}

/** Source: git, object-file.c, format_object_header: `blob <bytes>\0` stands before the content. */
function startHash(kind: Digest["kind"], total: number): Hash {
  return kind === "sha256" ? createHash("sha256") : createHash("sha1").update(`blob ${total}\0`);
}

function feed(hash: Hash, path: string): void {
  using file = Deno.openSync(path);
  const buffer = new Uint8Array(CHUNK_BYTES);
  for (let read = file.readSync(buffer); read !== null; read = file.readSync(buffer)) {
    hash.update(buffer.subarray(0, read));
  }
}
