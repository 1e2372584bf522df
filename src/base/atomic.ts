/** Files that are whole or absent: written under a temporary name, flushed, then renamed. */

import { basename, dirname, join } from "node:path";
import { randomBytes } from "node:crypto";
import { diskError, errorCode } from "./disk.ts";

/** Writes all bytes to an open file; one `writeSync` may write fewer than asked. */
export function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
}

/** Flushes a folder's entries, so that a rename in it survives a power cut. Does nothing where folders cannot be opened. */
export function syncFolder(path: string): void {
  let folder: Deno.FsFile;
  try {
    folder = Deno.openSync(path);
  } catch {
    return; // Windows
  }
  try {
    folder.syncSync();
  } catch {
    // some network file systems refuse to flush a folder; the rename itself has happened
  } finally {
    folder.close();
  }
}

/**
 * Writes a file atomically: readers see the old content or the new one, never a part, and a failure leaves the old
 * file as it was.
 * @param path the file; its folder must exist
 * @param content text, bytes, or a function which writes to the open temporary file and does not close it
 * @throws {DiskError} if the disk refuses (full, read-only, not permitted), with the cure
 * @throws whatever `content` throws when it is no disk error of the system
 */
export function writeAtomically(path: string, content: string | Uint8Array | ((file: Deno.FsFile) => void)): void {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path).slice(0, 100)}.${Deno.pid}-${randomBytes(4).toString("hex")}.tmp`);
  try {
    const file = Deno.openSync(temporary, { write: true, createNew: true });
    try {
      if (typeof content === "function") content(file);
      else writeAll(file, typeof content === "string" ? new TextEncoder().encode(content) : content);
      file.syncSync();
    } finally {
      file.close();
    }
    Deno.renameSync(temporary, path);
    syncFolder(folder);
  } catch (error) {
    removeQuietly(temporary);
    if (typeof content === "function" && !isSystemError(error)) throw error;
    throw diskError(`write "${path}"`, error);
  }
}

function isSystemError(error: unknown): boolean {
  return /^E[A-Z0-9]+$/.test(errorCode(error) ?? "");
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // never created, or renamed already
  }
}
