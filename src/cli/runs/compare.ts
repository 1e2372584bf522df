/** Runs beside each other: where their configs differ, and what came of it. */

import { configDifferences, type RunConfig } from "../../config/mod.ts";
import type { RunFolder } from "../../runs/mod.ts";

/** A line of the comparison: a setting or a result, and what each run has; undefined where it has none. */
export interface ComparedRow {
  readonly name: string;
  readonly values: readonly unknown[];
}

/** What of a run is compared. */
export interface Compared {
  readonly id: string;
  readonly config: RunConfig;
  readonly results: Readonly<Record<string, unknown>>;
}

/** Steps at the end over which the loss is averaged. */
const LATE = 50;

/** The facts of a run that a comparison shows. */
export function compared(run: RunFolder): Compared {
  const { id, status, step } = run.summary();
  const values = (name: string): number[] => run.metrics(name).map(({ value }) => value);
  const validation = run.metrics("validation.loss").filter((each) => each.step > 0);
  const best = validation.toSorted((a, b) => a.value - b.value)[0];
  const seconds = values("seconds").toSorted((a, b) => a - b);
  return {
    id,
    config: run.config,
    results: {
      status,
      step,
      [`loss of the last ${LATE} steps`]: mean(values("loss").slice(-LATE)),
      "best validation loss": best?.value,
      "at step": best?.step,
      "seconds per step (median)": seconds[Math.floor(seconds.length / 2)],
    },
  };
}

/** Every setting in which the runs are not all alike, then their results. */
export function compareRuns(runs: readonly Compared[]): ComparedRow[] {
  const [first, ...others] = runs;
  if (first === undefined) return [];
  const paths = new Set(
    others.flatMap(({ config }) => configDifferences(first.config, config).map(({ path }) => path)),
  );
  const settings = [...paths].map((path) => ({ name: path, values: runs.map(({ config }) => valueAt(config, path)) }));
  const results = Object.keys(first.results).map((name) => ({ name, values: runs.map((run) => run.results[name]) }));
  return [...settings, ...results.filter(({ values }) => values.some((value) => value !== undefined))];
}

function valueAt(config: unknown, path: string): unknown {
  return path.split(".").reduce(
    (value: unknown, key) =>
      typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined,
    config,
  );
}

function mean(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}
