/** Where wantune keeps what can be fetched or made again, and where its own files lie. */

import { existsSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { diskError } from "./disk.ts";

/** The user's home folder. */
export function homeFolder(): string {
  return Deno.env.get("HOME") ?? Deno.env.get("USERPROFILE") ?? ".";
}

/** The cache's root: `WANTUNE_CACHE`, else `$XDG_CACHE_HOME/wantune`, else `~/.cache/wantune`. It may not exist yet. */
export function cacheHome(): string {
  const own = Deno.env.get("WANTUNE_CACHE");
  if (own) return resolve(own);
  const xdg = Deno.env.get("XDG_CACHE_HOME"); // the standard says: relative ones are to be ignored
  if (xdg && isAbsolute(xdg)) return join(xdg, "wantune");
  return join(homeFolder(), ".cache", "wantune");
}

/** Encoded latents and prompt embeddings, shared by all runs. */
export function dataCacheFolder(): string {
  return join(cacheHome(), "data");
}

/** The libtorch builds that `wantune setup` fetched. */
export function libtorchCacheFolder(): string {
  return join(cacheHome(), "libtorch");
}

/** Shims compiled or unpacked for this machine. */
export function shimCacheFolder(): string {
  return join(cacheHome(), "shim");
}

/** An absolute path: `~/` is the home folder, a relative path starts at `base`. */
export function resolvePath(path: string, base: string): string {
  if (path === "~") return homeFolder();
  if (path.startsWith("~/")) return join(homeFolder(), path.slice(2));
  return resolve(base, path);
}

/** Creates a folder and its parents. @throws {DiskError} if the disk refuses */
export function makeFolder(path: string): string {
  try {
    Deno.mkdirSync(path, { recursive: true });
  } catch (error) {
    throw diskError(`create the folder "${path}"`, error);
  }
  return path;
}

/**
 * A file or folder that ships with wantune, such as `presets/demo`: found in the source tree, or inside the executable.
 * @param relative path from the repository's root, with forward slashes
 * @returns its absolute path, or undefined if this build does not carry it
 */
export function assetPath(relative: string): string | undefined {
  let folder = import.meta.dirname;
  for (let level = 0; folder !== undefined && level < 4; level++) { // src/base, or the bundle's folder
    const candidate = join(folder, relative);
    if (existsSync(candidate)) return candidate;
    const parent = dirname(folder);
    if (parent === folder) return undefined;
    folder = parent;
  }
  return undefined;
}
