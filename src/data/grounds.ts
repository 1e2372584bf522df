/**
 * What the decisions over the sources rest on: files and folders as they are on the disk. Their state is one hash over
 * names, kinds, sizes, times of change and inodes, which `find` tells of hundreds of thousands of files in a second.
 */

import { createHash } from "node:crypto";
import { join } from "node:path";

/** What a scan looked at. */
export interface Grounds {
  /** Folders with everything below them that is not hidden; some need not exist. */
  readonly trees: readonly string[];
  /** Single files, folders and links that were there. */
  readonly found: readonly string[];
  /** Those that were not. */
  readonly absent: readonly string[];
}

/** The grounds of several sources. */
export function joinGrounds(all: readonly Grounds[]): Grounds {
  const joined = (of: keyof Grounds): string[] => [...new Set(all.flatMap((grounds) => grounds[of]))];
  return { trees: joined("trees"), found: joined("found"), absent: joined("absent") };
}

/**
 * A hash of the state of some grounds: another one as soon as something comes, goes, is renamed or written to.
 * @returns undefined where there is no GNU `find`
 */
export async function stateOf({ trees, found, absent }: Grounds): Promise<string | undefined> {
  const hash = createHash("sha256");
  for (const path of [...found, ...absent]) hash.update(`${path}\0${fileStateOf(path)?.state}\0`);
  // of a folder its name alone: its times change with what is hidden in it
  const print = ["-type", "d", "-printf", "d %i %p\\0", "-o", "-printf", "%y %s %T@ %C@ %i %p\\0"];
  const code = await find(trees, print, (bytes) => void hash.update(bytes));
  return code === undefined ? undefined : hash.update(String(code)).digest("hex");
}

/** Whether something has changed since a time, in milliseconds since 1970, or since it was looked at. */
export async function changedSince({ trees, found, absent }: Grounds, time: number): Promise<boolean> {
  const isNew = (path: string): boolean => (fileStateOf(path)?.changedAt ?? Infinity) >= time;
  if (found.some(isNew) || absent.some((path) => fileStateOf(path) !== undefined)) return true;
  if (trees.some((path) => (folderTime(path) ?? 0) >= time)) return true;
  let some = false;
  await find(trees, ["-newerct", `@${time / 1000}`, "-print0", "-quit"], () => some = true);
  return some;
}

/** Runs `find` over folders, hidden names left out. @returns its exit status, which tells of unreadable folders */
async function find(
  trees: readonly string[],
  what: readonly string[],
  read: (bytes: Uint8Array) => void,
): Promise<number | undefined> {
  if (trees.length === 0) return 0;
  if (Deno.build.os !== "linux") return undefined;
  const args = [...trees.map((path) => join(path, "/")), "-mindepth", "1", "-name", ".*", "-prune", "-o", ...what];
  try {
    const options = { args, env: { LC_ALL: "C" }, stdin: "null", stdout: "piped", stderr: "null" } as const;
    const child = new Deno.Command("find", options).spawn();
    for await (const bytes of child.stdout) read(bytes);
    return (await child.status).code;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The state of a file or folder; it has not changed while what is in a folder has. Undefined where there is none. */
function fileStateOf(path: string): { state: string; changedAt: number } | undefined {
  const info = infoOf(path);
  if (info === undefined) return undefined;
  const { isFile, size, mtime, ctime, ino } = info;
  if (!isFile) return { state: `${ino}`, changedAt: 0 };
  const times = [mtime?.getTime() ?? 0, ctime?.getTime() ?? 0] as const;
  return { state: `${size} ${times} ${ino}`, changedAt: Math.max(...times) };
}

/** When a folder was changed last, by what came or went. */
function folderTime(path: string): number | undefined {
  return infoOf(path)?.mtime?.getTime();
}

function infoOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch {
    return undefined; // it is not there, and that is its state
  }
}
