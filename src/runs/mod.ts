/** The run store: one folder per run, with everything that happened in it. */

export type { CheckpointRef } from "./checkpoints.ts";
export { wholeCheckpoints } from "./checkpoints.ts";
export { Controls, type Wish, wishes } from "./controls.ts";
export { RunFolder } from "./folder.ts";
export { findRun, type ListedRun, listRuns } from "./list.ts";
export { isLocked, RunLock } from "./lock.ts";
export { removeRun } from "./remove.ts";
export { TensorBoardLog } from "./tensorboard.ts";
export type { RunStatus, RunSummary } from "./summary.ts";
