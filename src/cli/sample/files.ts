/** What a file or a model is by its content, so that a recipe can tell whether it is still the same. */

import { readdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { sha256, sha256File } from "../../base/mod.ts";

/** A file up to this size is read as a whole, of a larger one pieces. */
const WHOLE_BYTES = 64 * 2 ** 20;
const PIECES = 32;
const PIECE_BYTES = 64 * 2 ** 10;

/**
 * The hash of a file, or of a folder's files with their names; of large files the size and pieces spread over them
 * count, so that a model of many gigabytes takes no longer than a second.
 * @throws {Deno.errors.NotFound} and other errors of the system
 */
export function fingerprint(path: string): string {
  if (!statSync(path).isDirectory()) return fileFingerprint(path);
  const names = readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && !entry.name.startsWith("."))
    .map((entry) => relative(path, join(entry.parentPath, entry.name)))
    .sort();
  return sha256(names.map((name) => `${name} ${fileFingerprint(join(path, name))}\n`).join(""));
}

function fileFingerprint(path: string): string {
  const { size } = statSync(path);
  if (size <= WHOLE_BYTES) return sha256File(path);
  using file = Deno.openSync(path);
  const pieces = new Uint8Array(PIECES * PIECE_BYTES);
  for (let i = 0; i < PIECES; i++) {
    file.seekSync(Math.floor((size - PIECE_BYTES) * i / (PIECES - 1)), Deno.SeekMode.Start);
    const piece = pieces.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES);
    for (let done = 0, read: number | null = 0; done < PIECE_BYTES && read !== null; done += read ?? 0) {
      read = file.readSync(piece.subarray(done));
    }
  }
  return sha256(`${size} ${sha256(pieces)}`);
}
