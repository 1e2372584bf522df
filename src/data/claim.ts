/** The right to make one thing: a lock of the file system, which is free again however its holder ends. */

import { diskError, errorCode } from "../base/mod.ts";

const TRIES = 5;

/** A claim, held until it is disposed of or the process ends. Its file goes with it; one that a kill left is harmless. */
export class Claim implements Disposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;

  private constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * Takes the claim whose file is `path`; its folder must exist.
   * @returns undefined if it is held, by another process or by this one
   * @throws {DiskError} if the disk refuses
   */
  static take(path: string): Claim | undefined {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const file = openLocked(path);
      if (file === undefined) return undefined;
      if (isStill(file, path)) return new Claim(path, file);
      file.close(); // its holder removed it between our opening and our locking
    }
    return undefined;
  }

  [Symbol.dispose](): void {
    try {
      Deno.removeSync(this.#path); // while it is locked: whoever opened it meanwhile sees that it is gone
    } catch {
      // someone emptied the folder
    }
    this.#file.close();
  }
}

function openLocked(path: string): Deno.FsFile | undefined {
  try {
    const file = Deno.openSync(path, { write: true, create: true });
    try {
      if (file.tryLockSync(true)) return file;
    } catch (error) {
      file.close();
      throw error;
    }
    file.close();
    return undefined;
  } catch (error) {
    throw diskError(`lock "${path}"`, error);
  }
}

function isStill(file: Deno.FsFile, path: string): boolean {
  const ours = file.statSync();
  try {
    const there = Deno.statSync(path);
    return ours.ino === there.ino && ours.dev === there.dev;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw diskError(`lock "${path}"`, error);
  }
}
