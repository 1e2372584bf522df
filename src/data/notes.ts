/** Remarks about files that are used; many of one kind become one warning. */

import type { Emit } from "../events/mod.ts";
import { quoteName } from "../media/mod.ts";

const MOST_NAMED = 3;

/** Collects remarks and tells them as `warning` events. */
export class Notes {
  /** By the remark without its numbers: those differ from file to file. */
  readonly #kinds = new Map<string, { note: string; paths: string[]; differ: boolean }>();

  /** Adds remarks about a file; an empty path stands for the dataset as a whole. */
  add(path: string, notes: readonly string[]): void {
    for (const note of notes) {
      const key = note.replaceAll(/\d+(\.\d+)?/g, "#");
      const kind = this.#kinds.get(key) ?? { note, paths: [], differ: false };
      kind.paths.push(path);
      kind.differ ||= kind.note !== note;
      this.#kinds.set(key, kind);
    }
  }

  /** Tells each kind of remark once, with some of the files that it is about. */
  tell(emit: Emit | undefined): void {
    for (const { note, paths, differ } of this.#kinds.values()) {
      const files = paths.filter((path) => path !== "");
      if (files.length === 0) emit?.({ type: "warning", message: note });
      else if (!differ) emit?.({ type: "warning", message: `${nameSome(files)}: ${note}` });
      else emit?.({ type: "warning", message: `${nameSome(files, { most: 1 })} alike: ${note}` });
    }
  }
}

/** Names several paths in a message, at most three of them. */
export function nameSome(
  paths: readonly string[],
  { separator = ", ", most = MOST_NAMED }: { separator?: string; most?: number } = {},
): string {
  const more = paths.length > most ? ` and ${paths.length - most} more` : "";
  return paths.slice(0, most).map(quoteName).join(separator) + more;
}
