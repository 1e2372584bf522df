/** A run's folder: its config, everything that happened in it, and its files. `specs/run-folder.md` is the promise. */

import { randomBytes } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { basename, join, resolve } from "node:path";
import { diskError, isoTime, makeFolder, RunError, stableHash, writeAtomically } from "../base/mod.ts";
import { parseConfig, type RunConfig } from "../config/mod.ts";
import { type EventBody, eventSchema, type RunEvent } from "../events/mod.ts";
import { type CheckpointRef, wholeCheckpoints } from "./checkpoints.ts";
import { Controls } from "./controls.ts";
import { guard, openDatabase } from "./database.ts";
import { isLocked, RunLock } from "./lock.ts";
import { recordEvent } from "./record.ts";
import { lastEvent, newestEvent, type RunSummary, statusOf } from "./summary.ts";

/** An open run folder. Only one process at a time may hold it locked, and only that one appends events. */
export class RunFolder implements Disposable {
  /** The absolute path. */
  readonly path: string;
  /** The folder's name, which is the run's id. */
  readonly id: string;
  /** The mailbox. */
  readonly controls: Controls;
  readonly #db: DatabaseSync;
  readonly #lock: RunLock | undefined;
  #config: RunConfig | undefined;
  #seq: number;

  private constructor(path: string, lock: RunLock | undefined) {
    this.path = path;
    this.id = basename(path);
    this.#lock = lock;
    try {
      this.#db = openDatabase(this.#file("run.db"));
      this.#seq = this.#guard((db) => Number(db.prepare("SELECT max(seq) AS seq FROM events").get()?.seq ?? 0));
      this.controls = new Controls(this.#db, this.#file("run.db"));
      if (lock !== undefined) this.controls.take(); // wishes meant for a process that is gone
    } catch (error) {
      lock?.[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Makes the folder of a new run in `config.runsDir`, locked.
   * @param options.now the time that begins the run's id
   * @throws {DiskError} if the disk refuses
   */
  static create(config: RunConfig, options: { now?: Date } = {}): RunFolder {
    makeFolder(config.runsDir);
    const id = runId(config.name, options.now ?? new Date());
    const path = join(resolve(config.runsDir), id);
    try {
      Deno.mkdirSync(path);
    } catch (error) {
      throw diskError(`create the run folder "${path}"`, error);
    }
    const lock = RunLock.acquire(path);
    try {
      for (const name of ["checkpoints", "samples", "outputs"]) makeFolder(join(path, name));
      writeAtomically(join(path, "config.json"), JSON.stringify(config, null, 2) + "\n");
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
    const folder = new RunFolder(path, lock);
    folder.#adopt(config);
    return folder;
  }

  /**
   * Opens a run that exists.
   * @param options.lock takes the lock, to train on; without it the folder is for looking and for posting wishes
   * @throws {RunError} if there is no run, it is damaged, or it is running already and the lock is wanted
   */
  static open(path: string, options: { lock?: boolean } = {}): RunFolder {
    const full = resolve(path);
    if (!isRunFolder(full)) {
      throw new RunError(`Cannot open the run "${path}": there is no run folder.`, {
        cure: "see `wantune runs list` for the runs that exist",
      });
    }
    return new RunFolder(full, options.lock ? RunLock.acquire(full) : undefined);
  }

  /** The config in the run's folder. @throws {ConfigError} if it is damaged or of another version */
  get config(): RunConfig {
    return this.#config ??= this.withOverrides([]);
  }

  /** The config in the run's folder with some values replaced, each as `a.b=value`. @throws {ConfigError} */
  withOverrides(set: readonly string[]): RunConfig {
    const path = this.#file("config.json");
    try {
      return parseConfig(Deno.readTextFileSync(path), { path, set });
    } catch (error) {
      throw diskError(`read "${path}"`, error);
    }
  }

  /**
   * The config that was last trained with. It differs from {@linkcode config} when the file was edited since.
   * @throws {ConfigError} if it is of another version
   */
  get trainedConfig(): RunConfig {
    const row = this.#guard((db) => db.prepare("SELECT json FROM configs ORDER BY id DESC LIMIT 1").get());
    return row === undefined ? this.config : parseConfig(String(row.json), { path: this.#file("config.json") });
  }

  /** Hashes of all configs that the run was trained with. */
  get configHashes(): string[] {
    return this.#guard((db) => db.prepare("SELECT hash FROM configs ORDER BY id").all()).map(({ hash }) =>
      String(hash)
    );
  }

  /** Lets the run go on with another config, which takes the place of `config.json`. @throws {DiskError} */
  reconfigure(config: RunConfig): void {
    const before = this.config;
    writeAtomically(this.#file("config.json"), JSON.stringify(config, null, 2) + "\n");
    this.#config = config;
    if (this.configHashes.length === 0) this.#adopt(before); // a run older than this memory
    this.#adopt(config);
  }

  /** Remembers a config as one of the run's. */
  #adopt(config: RunConfig): void {
    this.#guard((db) =>
      db.prepare("INSERT INTO configs (hash, json, at) VALUES (?, ?, ?)")
        .run(stableHash(config), JSON.stringify(config), isoTime())
    );
  }

  /** Hash of the config: equal for equal configs. */
  get configHash(): string {
    return stableHash(this.config);
  }

  /** Where checkpoints go, one folder each. */
  get checkpointsDir(): string {
    return this.#file("checkpoints");
  }

  /** Where samples go. */
  get samplesDir(): string {
    return this.#file("samples");
  }

  /** Where finished files go. */
  get outputsDir(): string {
    return this.#file("outputs");
  }

  /**
   * Gives an event its number and time and stores it, before anyone is told. Fits {@linkcode EventBus} as recorder.
   * @throws {RunError} without the lock
   * @throws {DiskError} if the disk refuses; then nothing is stored
   */
  readonly append = (body: EventBody): RunEvent => {
    if (this.#lock === undefined) throw new TypeError(`Cannot append to ${this.id}: it was opened without its lock`);
    const event = eventSchema.parse({ ...body, run: this.id, seq: this.#seq + 1, at: isoTime() });
    this.#guard((db) => recordEvent(db, event));
    this.#seq = event.seq;
    return event;
  };

  /** Keeps the data report, JSON: what became of every source file. @throws {DiskError} if the disk refuses */
  readonly keepDataReport = (json: Uint8Array): void => {
    writeAtomically(this.#file("data.json"), json);
  };

  /**
   * The events after number `sinceSeq`, oldest first.
   * @param options.superseded also those about steps that were made again after a resume
   */
  events(sinceSeq = 0, options: { superseded?: boolean } = {}): RunEvent[] {
    const which = options.superseded ? "" : "AND superseded = 0";
    const rows = this.#guard((db) =>
      db.prepare(`SELECT json FROM events WHERE seq > ? ${which} ORDER BY seq`).all(sinceSeq)
    );
    return rows.map((row) => eventSchema.parse(JSON.parse(String(row.json))));
  }

  /** The values of a metric (loss, gradNorm, ...) by step; each step once. */
  metrics(name: string): { step: number; value: number }[] {
    const rows = this.#guard((db) =>
      db.prepare("SELECT step, value FROM metrics WHERE name = ? ORDER BY step").all(name)
    );
    return rows.map((row) => ({ step: Number(row.step), value: Number(row.value) }));
  }

  /** The names of all metrics that the run has. */
  metricNames(): string[] {
    return this.#guard((db) => db.prepare("SELECT DISTINCT name FROM metrics ORDER BY name").all())
      .map(({ name }) => String(name));
  }

  /** Says that this process is alive; called between steps. */
  heartbeat(): void {
    this.#guard((db) =>
      db.prepare("INSERT OR REPLACE INTO heartbeat (one, pid, at) VALUES (1, ?, ?)").run(Deno.pid, isoTime())
    );
  }

  /** The newest checkpoint that is whole. */
  latestCheckpoint(): CheckpointRef | undefined {
    return wholeCheckpoints(this.checkpointsDir).at(-1);
  }

  /** The run in a few facts. */
  summary(): RunSummary {
    return this.#guard((db) => {
      const step = lastEvent(db, "step");
      const started = lastEvent(db, "run.started");
      const newest = newestEvent(db);
      const heartbeat = db.prepare("SELECT pid, at FROM heartbeat").get();
      const heard = [newest?.at, heartbeat?.at].filter((at) => typeof at === "string").sort();
      return {
        id: this.id,
        name: this.config.name,
        path: this.path,
        status: statusOf(db, { newest, locked: this.#lock !== undefined || isLocked(this.path) }),
        step: step?.step ?? started?.resumedFrom ?? 0,
        totalSteps: started?.totalSteps ?? this.config.train.steps,
        loss: step?.loss,
        createdAt: createdAt(this.id, this.#file("config.json")),
        lastHeardAt: heard.at(-1),
        pid: heartbeat === undefined ? undefined : Number(heartbeat.pid),
        checkpointStep: this.latestCheckpoint()?.step,
        error: newest?.type === "run.ended" ? newest.error : undefined,
        early: newest?.type === "run.ended" ? newest.early : undefined,
      };
    });
  }

  /** Closes the database and gives the lock back. */
  [Symbol.dispose](): void {
    try {
      if (this.#db.isOpen) this.#db.close();
    } finally {
      this.#lock?.[Symbol.dispose]();
    }
  }

  #file(name: string): string {
    return join(this.path, name);
  }

  #guard<T>(body: (db: DatabaseSync) => T): T {
    return guard(this.#file("run.db"), () => body(this.#db));
  }
}

/** Whether a folder holds a run. */
export function isRunFolder(path: string): boolean {
  try {
    return Deno.statSync(join(path, "config.json")).isFile && Deno.statSync(join(path, "run.db")).isFile;
  } catch {
    return false;
  }
}

/** `20260301-120000-my-cat-3fa9`: sorts by time, can be typed, and is safe as a file name. */
function runId(name: string, now: Date): string {
  const time = isoTime(now).slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-");
  const slug = name.normalize("NFKD").toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-+|-+$/g, "");
  return `${time}-${slug.slice(0, 40).replace(/-$/, "") || "run"}-${randomBytes(2).toString("hex")}`;
}

/** When a run was made, by its id; a folder that was renamed is as old as its config. */
function createdAt(id: string, configPath: string): string {
  const match = /^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)-/.exec(id);
  if (match === null) return isoTime(Deno.statSync(configPath).mtime ?? new Date(0));
  const [, year, month, day, hour, minute, second] = match;
  return `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
}
