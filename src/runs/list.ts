/** The runs in a folder. */

import { basename, join, resolve } from "node:path";
import { messageOf, nearest, RunError } from "../base/mod.ts";
import { isRunFolder, RunFolder } from "./folder.ts";
import type { RunSummary } from "./summary.ts";

/** A run in a list: its facts, or why it cannot be read. */
export type ListedRun = RunSummary | {
  readonly id: string;
  readonly path: string;
  readonly status: "unreadable";
  readonly error: string;
};

/** All runs in a folder, newest first; none if the folder does not exist. */
export function listRuns(runsDir: string): ListedRun[] {
  return runIds(runsDir).map((id) => {
    const path = join(resolve(runsDir), id);
    try {
      using run = RunFolder.open(path);
      return run.summary();
    } catch (error) {
      return { id, path, status: "unreadable", error: messageOf(error) };
    }
  });
}

/**
 * The folder of a run that a user names: a path, an id, or the beginning or a part of an id that fits one run only.
 * Without a name, the newest run.
 * @throws {RunError} if none or several fit
 */
export function findRun(runsDir: string, name?: string): string {
  const ids = runIds(runsDir);
  if (name === undefined) {
    const [newest] = ids;
    if (newest === undefined) {
      throw new RunError(`Cannot find a run: there is none in "${runsDir}".`, {
        cure: "start one with `wantune train`",
      });
    }
    return join(resolve(runsDir), newest);
  }
  if (isRunFolder(name)) return resolve(name);
  if (ids.includes(name)) return join(resolve(runsDir), name);
  const fitting = ids.filter((id) => id.includes(name));
  const [only] = fitting;
  if (only !== undefined && fitting.length === 1) return join(resolve(runsDir), only);
  if (fitting.length > 1) {
    throw new RunError(`Cannot tell which run "${name}" means: ${fitting.slice(0, 5).join(", ")} fit.`, {
      cure: "write more of the id",
    });
  }
  const near = nearest(basename(name), ids);
  throw new RunError(`Cannot find the run "${name}" in "${runsDir}".`, {
    cure: near === undefined ? "see `wantune runs list`" : `did you mean "${near}"?`,
  });
}

/** Names of the run folders, newest first. */
function runIds(runsDir: string): string[] {
  try {
    return [...Deno.readDirSync(runsDir)]
      .filter((entry) => entry.isDirectory && isRunFolder(join(runsDir, entry.name)))
      .map((entry) => entry.name)
      .sort()
      .reverse();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return [];
    throw error;
  }
}
