/** A run in a few facts, as lists show it. */

import type { DatabaseSync } from "node:sqlite";
import { type EventOf, eventSchema, type EventType, type RunEvent } from "../events/mod.ts";

/** Where a run stands. `dead` means that its process is gone without having ended it. */
export type RunStatus = "running" | "paused" | "done" | "stopped" | "failed" | "dead";

/** A run in a few facts. */
export interface RunSummary {
  readonly id: string;
  readonly name: string;
  readonly path: string;
  readonly status: RunStatus;
  /** The last optimizer step made. */
  readonly step: number;
  /** The steps of the whole run; undefined while they are to follow from the data. */
  readonly totalSteps: number | undefined;
  /** Loss of the last step. */
  readonly loss: number | undefined;
  readonly createdAt: string;
  /** When something was last heard of the run: the later of the last event and the last heartbeat. */
  readonly lastHeardAt: string | undefined;
  /** The process that ran it last. */
  readonly pid: number | undefined;
  /** Step of the newest whole checkpoint. */
  readonly checkpointStep: number | undefined;
  /** Why it failed. */
  readonly error: string | undefined;
  /** Why it is done although it took fewer steps than it was to take. */
  readonly early: string | undefined;
}

/** The last event of one kind that still counts. */
export function lastEvent<T extends EventType>(db: DatabaseSync, type: T): EventOf<T> | undefined {
  const row = db.prepare(
    "SELECT json FROM events WHERE type = ? AND superseded = 0 ORDER BY seq DESC LIMIT 1",
  ).get(type);
  if (row === undefined) return undefined;
  return eventSchema.parse(JSON.parse(String(row.json))) as EventOf<T>;
}

/** The last event of all. */
export function newestEvent(db: DatabaseSync): RunEvent | undefined {
  const row = db.prepare("SELECT json FROM events ORDER BY seq DESC LIMIT 1").get();
  return row === undefined ? undefined : eventSchema.parse(JSON.parse(String(row.json)));
}

/** Where a run stands: what its end says, or, while it has none, whether some process holds its lock, and waits. */
export function statusOf(
  db: DatabaseSync,
  { newest, locked }: { newest: RunEvent | undefined; locked: boolean },
): RunStatus {
  if (newest?.type === "run.ended") return newest.status;
  if (!locked) return "dead";
  const pause = lastEvent(db, "pause");
  return pause?.paused && pause.seq > (lastEvent(db, "run.started")?.seq ?? 0) ? "paused" : "running";
}
