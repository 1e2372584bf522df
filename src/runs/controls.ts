/** The mailbox of a run: what others wish of it, read by the trainer between steps. */

import type { DatabaseSync } from "node:sqlite";
import { isoTime } from "../base/mod.ts";
import { guard, transaction } from "./database.ts";

/** What can be wished of a run. */
export const wishes = ["stop", "pause", "resume", "save", "sample"] as const;
/** One of {@linkcode wishes}. */
export type Wish = typeof wishes[number];

/** Wishes for a run, in the order in which they were posted. */
export class Controls {
  readonly #db: DatabaseSync;
  readonly #path: string;

  constructor(db: DatabaseSync, path: string) {
    this.#db = db;
    this.#path = path;
  }

  /** Leaves a wish for whoever trains this run. */
  post(wish: Wish): void {
    guard(this.#path, () => {
      this.#db.prepare("INSERT INTO controls (wish, at) VALUES (?, ?)").run(wish, isoTime());
    });
  }

  /** Takes all wishes not yet taken, oldest first; each is handed out once. */
  take(): Wish[] {
    return guard(this.#path, () => {
      const waiting = this.#db.prepare("SELECT 1 FROM controls WHERE taken_at IS NULL LIMIT 1").get();
      if (waiting === undefined) return []; // the usual case, without a write
      return transaction(this.#db, () => {
        const rows = this.#db.prepare("SELECT id, wish FROM controls WHERE taken_at IS NULL ORDER BY id").all();
        const taken = this.#db.prepare("UPDATE controls SET taken_at = ? WHERE id = ?");
        for (const row of rows) taken.run(isoTime(), Number(row.id));
        return rows.map((row) => wishes.find((wish) => wish === row.wish)).filter((wish) => wish !== undefined);
      });
    });
  }
}
