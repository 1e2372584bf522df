/** The weight files below a path: the path itself, or a folder's checkpoints, shards counted as one. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { WeightsError } from "../../base/mod.ts";

const WEIGHTS = /\.(safetensors|pth|pt|ckpt|bin)$/i;
const INDEX = /\.safetensors\.index\.json$/;

/**
 * The files to look into, indexes of shards in the place of their shards, in the order of their names.
 * @throws {WeightsError} if there is nothing at the path, or a folder without weights
 */
export function weightFilesAt(path: string): string[] {
  if (!existsSync(path)) {
    throw new WeightsError(`Cannot inspect ${path}: there is no such file or folder`, { cure: "check the path" });
  }
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => relative(path, join(entry.parentPath, entry.name)))
    .filter((name) => !/(^|\/)\./.test(name))
    .sort();
  const indexes = names.filter((name) => INDEX.test(name));
  const shards = new Set(indexes.flatMap((name) => shardsOf(path, name)));
  const found = names.filter((name) => INDEX.test(name) || WEIGHTS.test(name) && !shards.has(name));
  if (found.length > 0) return found.map((name) => join(path, name));
  throw new WeightsError(`Cannot inspect ${path}: the folder holds no weights`, {
    cure: "name a file or a model folder",
  });
}

function shardsOf(folder: string, index: string): string[] {
  try {
    const { weight_map: map } = JSON.parse(readFileSync(join(folder, index), "utf8"));
    return [...new Set(Object.values(map))].map((name) => join(dirname(index), String(name)));
  } catch {
    return []; // whoever opens it says what is wrong
  }
}
