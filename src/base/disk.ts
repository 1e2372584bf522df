/** What the operating system says about a failed write, in words a user can act on. */

import { statfsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { DiskError, messageOf, WantuneError } from "./errors.ts";

const CURES: Record<string, readonly [reason: string, cure: string]> = {
  ENOSPC: ["the disk is full", "free some space or choose a folder on another disk, then start again"],
  EDQUOT: ["the disk quota is used up", "free some space or choose a folder on another disk, then start again"],
  EROFS: ["the file system is read-only", "choose a folder on a disk that can be written"],
  EACCES: ["permission is denied", "choose a folder that you may write, or change its permissions"],
  EPERM: ["permission is denied", "choose a folder that you may write, or change its permissions"],
  ENOENT: ["its folder does not exist", "create the folder, or choose another one"],
  ENOTDIR: ["a part of the path is a file, not a folder", "choose another path"],
  EISDIR: ["a folder has that name", "choose another name, or move the folder away"],
  EIO: ["the disk reports an input/output error", "check the disk and its connection"],
};

/** The system's short name of an error (`ENOSPC`, ...), where it has one. */
export function errorCode(error: unknown): string | undefined {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return undefined;
}

/**
 * Turns a failed file operation into a {@linkcode DiskError}; an error that is ours already is returned as it is.
 * @param action what was attempted and where, such as `write "runs/a/config.json"`
 */
export function diskError(action: string, error: unknown): WantuneError {
  if (error instanceof WantuneError) return error;
  const code = errorCode(error);
  const known = code === undefined ? undefined : CURES[code];
  if (known === undefined) return new DiskError(`Cannot ${action}: ${messageOf(error)}.`, { cause: error });
  return new DiskError(`Cannot ${action}: ${known[0]}.`, { cure: known[1], cause: error });
}

/**
 * Bytes that may still be written where a file or folder lies or would lie.
 * @returns undefined where the system does not tell
 */
export function freeBytes(path: string): number | undefined {
  for (let place = resolve(path);; place = dirname(place)) {
    try {
      const { bavail, bsize } = statfsSync(place);
      return bavail * bsize;
    } catch (error) {
      if (errorCode(error) !== "ENOENT" || dirname(place) === place) return undefined;
    }
  }
}
