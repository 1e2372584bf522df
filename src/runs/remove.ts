/** Removing a run. */

import { diskError, RunError } from "../base/mod.ts";
import { isRunFolder } from "./folder.ts";
import { RunLock } from "./lock.ts";

/**
 * Removes a run's folder with all that is in it.
 * @throws {RunError} if it holds no run, or the run is running
 * @throws {DiskError} if the disk refuses
 */
export function removeRun(path: string): void {
  if (!isRunFolder(path)) {
    throw new RunError(`Cannot remove "${path}": there is no run folder.`, { cure: "see `wantune runs list`" });
  }
  using _lock = RunLock.acquire(path);
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    throw diskError(`remove the run "${path}"`, error);
  }
}
