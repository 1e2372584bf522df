/** What becomes of a config's clips: all that are encoded, and those of them that are trained on. */
import type { RunConfig } from "../../config/mod.ts";
import { type DataReport, dataReport, planDataset } from "../../data/mod.ts";
import { dataGeometry, heldOutOf, withHeldOutSources } from "../../train/mod.ts";
import type { ModelSource } from "../../wan/mod.ts";

/** The clips of a run. */
export interface PlannedClips {
  /** Those for validation included. */
  readonly report: DataReport;
  readonly training: DataReport;
}

/** Looks at every file. @throws {DataError} {ConfigError} as the run itself would, but for single bad files */
export async function planClips(
  config: RunConfig,
  { models, countTokens }: { models: ModelSource; countTokens: ((text: string) => number) | undefined },
): Promise<PlannedClips> {
  const data = { ...withHeldOutSources(config), onBadFile: "skip" } as const;
  const plan = await planDataset(data, { geometry: dataGeometry(models), countTokens, emit: () => {} });
  const files = plan.used.map(({ file: { path }, content }) => ({ path, content }));
  const held = files.length === 0 ? new Set() : heldOutOf(files, config);
  const training = plan.used.filter(({ content }) => !held.has(content));
  return { report: dataReport(plan), training: dataReport({ ...plan, used: training }) };
}
