/** Remarks about files that are used; many of one kind become one warning. */

import type { Emit } from "../events/mod.ts";
import { quoteName } from "../media/mod.ts";

const MOST_NAMED = 3;

/** Collects remarks and tells them as `warning` events. */
export class Notes {
  readonly #files = new Map<string, string[]>();

  /** Adds remarks about a file; an empty path stands for the dataset as a whole. */
  add(path: string, notes: readonly string[]): void {
    for (const note of notes) this.#files.set(note, [...this.#files.get(note) ?? [], path]);
  }

  /** Tells each kind of remark once, with some of the files that it is about. */
  tell(emit: Emit | undefined): void {
    for (const [note, paths] of this.#files) {
      const named = nameSome(paths.filter((path) => path !== ""));
      emit?.({ type: "warning", message: named === "" ? note : `${named}: ${note}` });
    }
  }
}

/** Names several paths in a message, at most three of them. */
export function nameSome(paths: readonly string[], separator = ", "): string {
  const more = paths.length > MOST_NAMED ? ` and ${paths.length - MOST_NAMED} more` : "";
  return paths.slice(0, MOST_NAMED).map(quoteName).join(separator) + more;
}
