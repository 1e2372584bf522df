/**
 * What a run remembers between steps besides its tensors. It lies in the manifest of every checkpoint, so that a resumed run
 * decides as an unbroken one would.
 */
import { z } from "zod";
import { median, RunError } from "../base/mod.ts";

const validation = z.strictObject({
  /** The step of the last measurement */
  step: z.int().min(0),
  best: z.strictObject({ step: z.int().min(0), loss: z.number() }).optional(),
  /** Measurements in a row that were no better than the best */
  stale: z.int().min(0),
});

const schema = z.strictObject({
  /** Steps that each expert has taken; absent in checkpoints of a time when the config alone told */
  taken: z.record(z.string(), z.int().min(0)).optional(),
  /** Losses of each expert's last steps, oldest first */
  losses: z.record(z.string(), z.array(z.number())),
  validation: validation.optional(),
});

/** The steps that each expert has taken, by its name. */
export type StepsTaken = Readonly<Record<string, number>>;
/** What a run remembers. */
export type Journal = z.output<typeof schema>;
/** What it remembers of its validation. */
export type ValidationRecord = z.output<typeof validation>;

/** The journal of a run that begins. */
export function freshJournal(): Journal {
  return { taken: {}, losses: {} };
}

/** The journal in a checkpoint's manifest; an empty one where it has none. @throws {RunError} if it is damaged */
export function journalOf({ path, manifest }: { path: string; manifest: Readonly<Record<string, unknown>> }): Journal {
  if (manifest.journal === undefined) return { losses: {} };
  const parsed = schema.safeParse(manifest.journal);
  if (parsed.success) return parsed.data;
  throw new RunError(`Cannot resume from ${path}: the journal in its manifest is damaged.`, {
    cure: "remove that checkpoint, then resume from the one before",
  });
}

/** Losses that are remembered, and from how many on they are judged by. */
const WINDOW = 64, ENOUGH = 16;

/** The loss above which a step is not taken; undefined while there are too few to tell. */
export function lossLimit(
  journal: Journal,
  { expert, ratio }: { expert: string; ratio: number | null },
): number | undefined {
  const losses = journal.losses[expert] ?? [];
  return ratio === null || losses.length < ENOUGH ? undefined : ratio * median(losses);
}

/** Remembers an expert's step and its loss. */
export function rememberStep(journal: Journal, { expert, loss }: { expert: string; loss: number }): void {
  journal.taken = { ...journal.taken, [expert]: (journal.taken?.[expert] ?? 0) + 1 };
  const losses = journal.losses[expert] ??= [];
  losses.push(loss);
  if (losses.length > WINDOW) losses.shift();
}

/** Remembers a measurement. @returns whether it is the best so far; the one before the first step does not compete */
export function rememberValidation(journal: Journal, { step, loss }: { step: number; loss: number }): boolean {
  const { best, stale = 0 } = journal.validation ?? {};
  const better = step > 0 && (best === undefined || loss < best.loss);
  journal.validation = {
    step,
    ...(better ? { best: { step, loss } } : best === undefined ? {} : { best }),
    stale: better || best === undefined ? 0 : stale + 1,
  };
  return better;
}
