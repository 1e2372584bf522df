/** `run.db`: the SQLite file of a run, its tables, and its errors in words. */

import { DatabaseSync } from "node:sqlite";
import { DiskError, errorCode, messageOf, RunError } from "../base/mod.ts";

/** Version of the tables below, kept in the file's own `user_version`. */
export const DATABASE_VERSION = 3;

const TABLES = `
  CREATE TABLE events (
    seq INTEGER PRIMARY KEY, at TEXT NOT NULL, type TEXT NOT NULL, json TEXT NOT NULL, step INTEGER,
    superseded INTEGER NOT NULL DEFAULT 0);
  CREATE INDEX events_by_type ON events (type, seq);
  CREATE TABLE metrics (
    step INTEGER NOT NULL, name TEXT NOT NULL, value REAL, PRIMARY KEY (name, step)) WITHOUT ROWID;
  CREATE TABLE samples (
    step INTEGER NOT NULL, path TEXT NOT NULL, prompt TEXT NOT NULL, seed INTEGER NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (step, path)) WITHOUT ROWID;
  CREATE TABLE checkpoints (step INTEGER PRIMARY KEY, path TEXT NOT NULL, bytes INTEGER NOT NULL, at TEXT NOT NULL);
  CREATE TABLE controls (id INTEGER PRIMARY KEY AUTOINCREMENT, wish TEXT NOT NULL, at TEXT NOT NULL, taken_at TEXT);
  CREATE TABLE heartbeat (one INTEGER PRIMARY KEY CHECK (one = 1), pid INTEGER NOT NULL, at TEXT NOT NULL);
`;

/** What came in form 2: every config that the run has had. */
const CONFIGS = `CREATE TABLE configs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT NOT NULL, json TEXT NOT NULL, at TEXT NOT NULL);`;

/** What form 3 changed: results had the name of one kind of them. */
const OUTPUTS = `UPDATE events SET type = 'outputs', json = json_set(json, '$.type', 'outputs') WHERE type = 'lora';`;

/**
 * Opens a run's database, with its tables made when the file is new.
 * @throws {RunError} if the file is damaged or of a newer wantune
 * @throws {DiskError} if the disk refuses
 */
export function openDatabase(path: string): DatabaseSync {
  return guard(path, () => {
    const db = new DatabaseSync(path);
    try {
      db.exec("PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
      const version = Number(db.prepare("PRAGMA user_version").get()?.user_version ?? 0);
      if (version > DATABASE_VERSION) {
        throw new RunError(`Cannot read "${path}": it was written by a newer wantune (form ${version}).`, {
          cure: "use the version of wantune that made the run",
        });
      }
      if (version < DATABASE_VERSION) {
        const steps = [TABLES, CONFIGS, OUTPUTS].slice(version).join("");
        transaction(db, () => db.exec(`${steps} PRAGMA user_version = ${DATABASE_VERSION};`));
      }
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

/** Runs statements so that all of them happen or none. */
export function transaction<T>(db: DatabaseSync, body: () => T): T {
  db.exec("BEGIN IMMEDIATE");
  try {
    const result = body();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}

/** Runs database work and turns what SQLite throws into our errors. */
export function guard<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    const message = messageOf(error);
    if (errorCode(error) !== "ERR_SQLITE_ERROR") throw error;
    if (/disk is full/.test(message)) {
      throw new DiskError(`Cannot write "${path}": the disk is full.`, {
        cure: "free some space, then resume the run",
        cause: error,
      });
    }
    if (/not a database|malformed/.test(message)) {
      throw new RunError(`Cannot read "${path}": the file is damaged (${message}).`, {
        cure: "restore it from a copy, or start a new run; the checkpoints beside it are not affected",
        cause: error,
      });
    }
    throw new DiskError(`Cannot use "${path}": ${message}.`, {
      cure: "check that the folder can be written and lies on a local disk",
      cause: error,
    });
  }
}
