/** One process at a time per run folder: a lock of the file system, which is released however the process ends. */

import { join } from "node:path";
import { diskError, RunError } from "../base/mod.ts";

const TRIES = 5;
const PAUSE_MILLISECONDS = 40;

/** An exclusive lock on a run folder, held until it is disposed or the process ends, even by kill -9. */
export class RunLock implements Disposable {
  #file: Deno.FsFile | undefined;

  private constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /**
   * Takes the lock.
   * @throws {RunError} if another process has it, with that process's id
   */
  static acquire(folder: string): RunLock {
    const file = openLock(folder);
    for (let attempt = 1; !file.tryLockSync(true); attempt++) {
      if (attempt === TRIES) { // a look at the run's state holds the lock for a moment; a run holds it longer
        file.close();
        const pid = lockHolder(folder);
        throw new RunError(`Cannot use the run "${folder}": it is already running${pid ? ` with pid ${pid}` : ""}.`, {
          cure: "wait for it, or stop it first",
        });
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MILLISECONDS);
    }
    try {
      file.truncateSync();
      file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
    } catch (error) {
      file.close();
      throw diskError(`lock the run "${folder}"`, error);
    }
    return new RunLock(file);
  }

  /** Gives the lock back; a second time does nothing. */
  [Symbol.dispose](): void {
    this.#file?.close();
    this.#file = undefined;
  }
}

/** Whether some process holds the lock just now. */
export function isLocked(folder: string): boolean {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(join(folder, "lock"));
  } catch {
    return false; // no lock was ever taken
  }
  try {
    return !file.tryLockSync(false);
  } finally {
    file.close();
  }
}

/** The process that took the lock last. */
export function lockHolder(folder: string): number | undefined {
  try {
    return Number.parseInt(Deno.readTextFileSync(join(folder, "lock"))) || undefined;
  } catch {
    return undefined;
  }
}

function openLock(folder: string): Deno.FsFile {
  try {
    return Deno.openSync(join(folder, "lock"), { read: true, write: true, create: true });
  } catch (error) {
    throw diskError(`lock the run "${folder}"`, error);
  }
}
