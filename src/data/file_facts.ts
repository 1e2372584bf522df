/**
 * What was found out about source files, kept from one start to the next: `<cache>/files.db`, one row a file. A fact
 * counts for as long as the file keeps its size, time of change and inode. Nothing here is precious: a damaged file is
 * put aside, and where none can be had all is found out again.
 */

import { DatabaseSync, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { join } from "node:path";
import { diskError, errorCode, makeFolder } from "../base/mod.ts";

/** A state of a file. */
export interface FileState {
  readonly path: string;
  /** Size, time of change and inode in one word; another one means another content. */
  readonly stamp: string;
}

/** Version of the table, kept in the file's own `user_version`; another one is thrown away. */
const VERSION = 1;
/** Facts that are written together: what a kill may lose. */
const AT_ONCE = 64;
/** Files whose facts are held, so that they are not read twice. */
const MOST_KNOWN = 16;

/** What is written of a file. */
type Row = Readonly<Record<string, SQLOutputValue>>;

/** The state of a file just now. @throws errors of the system */
export function fileState(path: string): FileState {
  const { size, mtime, ino } = Deno.statSync(path);
  return { path, stamp: `${size}:${mtime?.getTime() ?? 0}:${ino ?? 0}` };
}

/** Facts about files, by kind. A kind's name ends in the number of the rule that finds it: `probe/1`. */
export class FileFacts implements Disposable {
  readonly #db: DatabaseSync;
  readonly #read: StatementSync;
  readonly #write: StatementSync;
  readonly #readMany: StatementSync;
  /** What was read last: several facts about one file are asked for in a row. */
  readonly #known = new Map<FileState, Readonly<Record<string, unknown>>>();
  /** Rows that were read ahead and not asked for yet, by path. */
  readonly #ahead = new Map<string, Row | undefined>();
  readonly #waiting = new Map<string, { stamp: string; facts: Record<string, unknown> }>();

  /**
   * Opens what is known in a cache folder.
   * @throws {DiskError} if the folder cannot be written
   */
  constructor(folder: string) {
    const path = join(makeFolder(folder), "files.db");
    this.#db = openOrReplace(path);
    this.#read = this.#db.prepare("SELECT stamp, facts FROM files WHERE path = ?");
    this.#readMany = this.#db.prepare(
      "SELECT path, stamp, facts FROM files WHERE path IN (SELECT value FROM json_each(?))",
    );
    this.#write = this.#db.prepare(
      `INSERT INTO files (path, stamp, facts) VALUES (:path, :stamp, json_set('{}', :kind, json(:fact)))
       ON CONFLICT (path) DO UPDATE SET
         facts = CASE WHEN stamp = excluded.stamp THEN json_set(facts, :kind, json(:fact)) ELSE excluded.facts END,
         stamp = excluded.stamp`,
    );
  }

  /** Reads what is known of files that will be asked for next: much faster at one go. What was read before is let go. */
  readAhead(paths: readonly string[]): void {
    this.#ahead.clear();
    for (const path of paths) this.#ahead.set(path, undefined);
    for (const row of this.#guard(() => this.#readMany.all(JSON.stringify(paths)))) {
      this.#ahead.set(String(row.path), row);
    }
  }

  /** Everything known about this state of a file, by kind. */
  of(state: FileState): Readonly<Record<string, unknown>> {
    const known = this.#known.get(state);
    if (known !== undefined) return known;
    const waiting = this.#waiting.get(state.path);
    const written = this.#readRow(state);
    const facts = waiting?.stamp === state.stamp ? { ...written, ...waiting.facts } : written;
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    this.#known.set(state, facts);
    return facts;
  }

  #readRow({ path, stamp }: FileState): Readonly<Record<string, unknown>> {
    const row = this.#ahead.has(path) ? this.#ahead.get(path) : this.#guard(() => this.#read.get(path));
    return row?.stamp === stamp ? JSON.parse(String(row.facts)) : {};
  }

  /** Keeps a fact: what JSON can hold. Written with others a little later, at the latest on disposal. */
  keep(state: FileState, kind: string, fact: unknown): void {
    const { path, stamp } = state;
    this.#known.delete(state);
    this.#ahead.delete(path);
    const waiting = this.#waiting.get(path);
    const facts = waiting?.stamp === stamp ? { ...waiting.facts, [kind]: fact } : { [kind]: fact };
    this.#waiting.set(path, { stamp, facts });
    if (this.#waiting.size >= AT_ONCE) this.flush();
  }

  /** A fact: the one kept, else what `find` gives, which is kept. */
  async remember<T>(state: FileState, kind: string, find: () => T | Promise<T>): Promise<T> {
    const known = this.of(state)[kind];
    if (known !== undefined) return known as T;
    const found = await find();
    this.keep(state, kind, found);
    return found;
  }

  /** Writes what waits. */
  flush(): void {
    if (this.#waiting.size === 0) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    this.#guard(() => {
      this.#db.exec("BEGIN IMMEDIATE");
      for (const [path, { stamp, facts }] of waiting) {
        for (const [kind, fact] of Object.entries(facts)) {
          this.#write.run({ path, stamp, kind: `$."${kind}"`, fact: JSON.stringify(fact) });
        }
      }
      this.#db.exec("COMMIT");
    });
  }

  /** Forgets files that are not there any more. @returns how many */
  forgetMissing(): number {
    this.flush();
    const gone: string[] = [];
    for (const row of this.#db.prepare("SELECT path FROM files").iterate()) {
      try {
        Deno.lstatSync(String(row.path));
      } catch (error) {
        if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") gone.push(String(row.path));
      }
    }
    const remove = this.#db.prepare("DELETE FROM files WHERE path = ?");
    this.#guard(() => {
      this.#db.exec("BEGIN IMMEDIATE");
      for (const path of gone) remove.run(path);
      this.#db.exec("COMMIT");
    });
    return gone.length;
  }

  /** How many files something is known about. */
  get size(): number {
    return Number(this.#db.prepare("SELECT count(*) AS count FROM files").get()?.count ?? 0);
  }

  [Symbol.dispose](): void {
    try {
      this.flush();
    } finally {
      this.#db.close();
    }
  }

  #guard<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw diskError("keep what was found out about the files in the cache", error);
    }
  }
}

function openOrReplace(path: string): DatabaseSync {
  try {
    return open(path);
  } catch (error) {
    if (!/not a database|malformed|another version/.test(String(error))) throw diskError(`open "${path}"`, error);
    for (const name of [path, `${path}-wal`, `${path}-shm`]) removeQuietly(name);
    return open(path);
  }
}

function open(path: string): DatabaseSync {
  const db = new DatabaseSync(path);
  try {
    // a power cut may lose the last facts, never break the file
    db.exec("PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
    db.exec("PRAGMA mmap_size = 1073741824"); // many rows are read in a row
    const version = Number(db.prepare("PRAGMA user_version").get()?.user_version ?? 0);
    if (version !== VERSION && version !== 0) throw new Error("another version");
    db.exec(
      `CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, stamp TEXT NOT NULL, facts TEXT NOT NULL) WITHOUT ROWID;
       PRAGMA user_version = ${VERSION}`,
    );
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // it is not there
  }
}
