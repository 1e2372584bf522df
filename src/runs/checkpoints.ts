/** Which checkpoints of a run are whole: those whose manifest exists and can be read. */

import { join } from "node:path";

/** A whole checkpoint. */
export interface CheckpointRef {
  /** Optimizer steps that are in it. */
  readonly step: number;
  /** Its folder. */
  readonly path: string;
  /** What `manifest.json` says. */
  readonly manifest: Readonly<Record<string, unknown>>;
}

/**
 * The whole checkpoints in a folder, lowest step first. A folder without a readable `manifest.json` that holds an
 * integer `step` is unfinished and left out, and so is one whose name begins with a dot.
 */
export function wholeCheckpoints(folder: string): CheckpointRef[] {
  let entries: Deno.DirEntry[];
  try {
    entries = [...Deno.readDirSync(folder)];
  } catch {
    return [];
  }
  return entries
    .filter((entry) => entry.isDirectory && !entry.name.startsWith("."))
    .map((entry) => readCheckpoint(join(folder, entry.name)))
    .filter((checkpoint) => checkpoint !== undefined)
    .sort((a, b) => a.step - b.step);
}

function readCheckpoint(path: string): CheckpointRef | undefined {
  try {
    const manifest: unknown = JSON.parse(Deno.readTextFileSync(join(path, "manifest.json")));
    if (typeof manifest !== "object" || manifest === null || !("step" in manifest)) return undefined;
    const { step } = manifest;
    return typeof step === "number" && Number.isInteger(step) && step >= 0
      ? { step, path, manifest: manifest as Record<string, unknown> }
      : undefined;
  } catch {
    return undefined; // missing, cut off, or a folder that vanished while we looked
  }
}
