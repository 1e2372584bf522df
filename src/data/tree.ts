/**
 * All files below a folder. Links are followed once; loops, dead links and unreadable folders are reported. Names that
 * are not UTF-8 are missing, see foreign_names.ts.
 */

import { join, sep } from "node:path";
import { errorCode, messageOf } from "../base/mod.ts";
import type { Refusal, RejectedFile } from "./codes.ts";

/** A file below a folder. */
export interface TreeFile {
  readonly path: string;
  /** Why it cannot be opened as a file; absent for regular files and links to them. */
  readonly problem?: Refusal;
}

/** What was found below a folder. */
export interface Tree {
  readonly files: readonly TreeFile[];
  /** Folders that could not be read, or were read under another name already. */
  readonly problems: readonly RejectedFile[];
  /** Links, wherever they lead, and those of them by which folders were read. */
  readonly links: readonly string[];
  readonly followed: readonly string[];
}

/** Lists a folder and all below it. Names that begin with a dot are passed over. */
export function listTree(root: string): Tree {
  const files: TreeFile[] = [];
  const problems: RejectedFile[] = [];
  const seenLinks = new Set<string>();
  const followed: string[] = [];
  const visited = new Set<string>();
  const folders = [root];
  const top = realPath(root);
  const links: string[] = []; // read after the real folders, so that those keep their own names
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop() ?? links.shift()) {
    try {
      const real = Deno.realPathSync(folder);
      if (visited.has(real) || top?.startsWith(join(real, sep))) {
        const where = visited.has(real) ? "that is read already" : "above the source";
        problems.push({ path: folder, code: "link", reason: `it is a link to a folder ${where}` });
        continue;
      }
      visited.add(real);
      if (seenLinks.has(folder)) followed.push(folder);
      const before = join(folder, "_").slice(0, -1); // what stands before the names in it
      const entries = new Map<string, Deno.DirEntry>();
      for (const entry of Deno.readDirSync(folder)) if (!entry.name.startsWith(".")) entries.set(entry.name, entry);
      for (const name of [...entries.keys()].sort()) { // strings alone are sorted much faster than with a function
        const entry = entries.get(name);
        if (entry === undefined) continue;
        const path = before + name;
        if (entry.isSymlink) seenLinks.add(path);
        const kind = kindOf(path, entry);
        if (kind === "folder") (entry.isSymlink ? links : folders).push(path);
        else files.push(kind === "file" ? { path } : { path, problem: kind });
      }
    } catch (error) {
      const denied = error instanceof Deno.errors.PermissionDenied;
      problems.push({
        path: folder,
        code: "unreadable_folder",
        reason: denied ? "there is no permission to read the folder" : `the folder cannot be read: ${messageOf(error)}`,
        ...(denied ? { cure: "make it readable" } : {}),
      });
    }
  }
  return { files, problems, links: [...seenLinks], followed };
}

function realPath(path: string): string | undefined {
  try {
    return Deno.realPathSync(path);
  } catch {
    return undefined; // told when it is read
  }
}

/** Said of what would block or make no sense when read. */
export const NOT_A_FILE: Refusal = {
  code: "not_a_file",
  reason: "it is not a regular file (a pipe, socket or device)",
  cure: "remove it",
};

function kindOf(path: string, entry: Deno.DirEntry): "file" | "folder" | Refusal {
  if (entry.isDirectory) return "folder";
  if (entry.isFile) return "file";
  try {
    const info = Deno.statSync(path);
    if (info.isDirectory) return "folder";
    if (info.isFile) return "file";
    return NOT_A_FILE;
  } catch (error) {
    const loop = errorCode(error) === "ELOOP";
    return {
      code: "link",
      reason: loop ? "it is a link that leads to itself" : "it is a link to nothing",
      cure: "remove the link",
    };
  }
}
