/** Storing an event, and what follows from it in the other tables, in one transaction. */

import type { DatabaseSync } from "node:sqlite";
import type { RunEvent } from "../events/mod.ts";
import { transaction } from "./database.ts";
import { metricsOf } from "./metrics.ts";

/** Stores an event. Events that say a step is made again replace what was known of it. */
export function recordEvent(db: DatabaseSync, event: RunEvent): void {
  transaction(db, () => {
    db.prepare("INSERT INTO events (seq, at, type, json, step) VALUES (?, ?, ?, ?, ?)")
      .run(event.seq, event.at, event.type, JSON.stringify(event), "step" in event ? event.step : null);
    if ("step" in event) recordMetrics(db, event.step, metricsOf(event));
    switch (event.type) {
      case "run.started":
        return supersede(db, event.resumedFrom ?? 0, event.seq);
      case "sample":
        db.prepare("INSERT OR REPLACE INTO samples (step, path, prompt, seed, at) VALUES (?, ?, ?, ?, ?)")
          .run(event.step, event.path, event.prompt, event.seed, event.at);
        return;
      case "checkpoint":
        db.prepare("INSERT OR REPLACE INTO checkpoints (step, path, bytes, at) VALUES (?, ?, ?, ?)")
          .run(event.step, event.path, event.bytes, event.at);
        return;
      default:
        return;
    }
  });
}

/** Takes back what was told about steps after `step` by events before `seq`. */
function supersede(db: DatabaseSync, step: number, seq: number): void {
  db.prepare("UPDATE events SET superseded = 1 WHERE step > ? AND seq < ?").run(step, seq);
  for (const table of ["metrics", "samples", "checkpoints"]) {
    db.prepare(`DELETE FROM ${table} WHERE step > ?`).run(step);
  }
}

/** Stores numbers of a step under their names. */
function recordMetrics(db: DatabaseSync, step: number, metrics: ReadonlyMap<string, number>): void {
  const insert = db.prepare("INSERT OR REPLACE INTO metrics (step, name, value) VALUES (?, ?, ?)");
  for (const [name, value] of metrics) insert.run(step, name, value);
}
