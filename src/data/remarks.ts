/** What a start says about the files that it uses, and about the data as a whole. */

import { DataError } from "../base/mod.ts";
import type { DataConfig } from "../config/mod.ts";
import type { Emit } from "../events/mod.ts";
import { quoteName } from "../media/mod.ts";
import { smallBucketNotes } from "./bucket.ts";
import type { RejectedFile } from "./codes.ts";
import type { Duplicate } from "./duplicates.ts";
import type { FileWindows } from "./file_windows.ts";
import { nameSome, Notes } from "./notes.ts";
import type { PlannedFile } from "./plan.ts";

/** Used files that are told one by one; where there are more, only their number is. Chosen. */
const MOST_TOLD = 1000;
/** Duplicates that are named in a warning. */
const MOST_DUPLICATES = 3;

/** Tells each file that is used, unless there are too many, and what should be known about them. */
export function tellFiles(
  used: readonly FileWindows[],
  { duplicates, batchSize, emit }: {
    duplicates: readonly Duplicate<PlannedFile>[];
    /** Clips in a batch, where that is known. */
    batchSize: number | undefined;
    emit: Emit | undefined;
  },
): void {
  const notes = new Notes();
  for (const { planned } of used) notes.add(planned.file.path, [...planned.file.notes, ...planned.plan.notes]);
  if (used.length <= MOST_TOLD) { for (const { planned } of used) tellUsed(planned, emit); }
  notes.add("", [...duplicateNotes(duplicates), ...changedSpeeds(used), ...fillNotes(used, batchSize)]);
  notes.tell(emit);
}

function tellUsed({ file, plan }: PlannedFile, emit: Emit | undefined): void {
  const first = plan.items[0]?.variants[0];
  if (first === undefined) return;
  const { frames, fps, speed, crop: { left: x, top: y, width, height, scaledWidth, scaledHeight } } = first;
  const cut = width !== scaledWidth || height !== scaledHeight ? { crop: { x, y, width, height } } : {};
  const windows = plan.items.length;
  const changed = speed === 1 ? {} : { speed };
  emit?.({ type: "file", path: file.path, status: "used", windows, frames, fps, ...changed, width, height, ...cut });
}

/** By how much `uniform` changes the speed of motion. */
function changedSpeeds(used: readonly FileWindows[]): string[] {
  const speeds = used.flatMap(({ windows }) => windows.map(({ window }) => window.speed));
  const [least, most] = speeds.reduce(([low, high], speed) => [Math.min(low, speed), Math.max(high, speed)], [1, 1]);
  if (least > 0.99 && most < 1.01) return [];
  return [
    `motion is shown at ${least.toFixed(2)} to ${
      most.toFixed(2)
    } times its real speed (data.frames.strategy is uniform)`,
  ];
}

/** One remark for the files that show the same as another one. */
function duplicateNotes(duplicates: readonly Duplicate<PlannedFile>[]): string[] {
  const told = duplicates.map(({ file, kept, same }) => {
    const what = same === "content" ? "the content of" : "the picture of";
    return `${quoteName(file.file.path)} has ${what} ${quoteName(kept.file.path)}`;
  });
  if (told.length === 0) return [];
  const more = told.length > MOST_DUPLICATES ? ` and ${told.length - MOST_DUPLICATES} more` : "";
  return [`${told.length} files show the same as others: ${told.slice(0, MOST_DUPLICATES).join(", ")}${more}`];
}

/** What to say about small buckets, where the size of a batch is known. */
function fillNotes(used: readonly FileWindows[], batchSize: number | undefined): string[] {
  if (batchSize === undefined) return [];
  const items = used.flatMap(({ planned: { file, plan } }) =>
    plan.items.map(({ bucket }) => ({ bucket, repeats: file.repeats }))
  );
  return smallBucketNotes(items, batchSize);
}

/** The error where no file is left. */
export function nothingUsable(config: DataConfig, rejected: readonly RejectedFile[]): DataError {
  const first = rejected[0];
  const why = first === undefined
    ? "there is no clip or picture in the sources"
    : `${rejected.length} files were rejected, the first: ${quoteName(first.path)}: ${first.reason}`;
  const sources = nameSome(config.sources.map(({ path }) => path));
  return new DataError(`Cannot train on ${sources}: ${why}`, {
    cure: first?.cure ??
      "put clips and captions (text files of the same name) into the folder, or correct data.sources",
  });
}
