/** A run's numbers as a table for other programs. */

import type { RunFolder } from "../../runs/mod.ts";

/** Numbers of one step, by the names of the metrics. */
export type MetricRow = { readonly step: number } & Readonly<Record<string, number>>;

/** All metrics of a run, a row for each step that has any. */
export function metricRows(run: RunFolder): MetricRow[] {
  const rows = new Map<number, Record<string, number> & { step: number }>();
  for (const name of run.metricNames()) {
    for (const { step, value } of run.metrics(name)) {
      const row = rows.get(step) ?? { step };
      row[name] = value;
      rows.set(step, row);
    }
  }
  return [...rows.values()].sort((a, b) => a.step - b.step);
}

/** Rows as CSV (RFC 4180): a header, then one line a step; what a step does not have stays empty. */
export function toCsv(rows: readonly MetricRow[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) => name !== "step").sort();
  const lines = rows.map((row) => ["step", ...names].map((name) => row[name] ?? "").join(","));
  return [["step", ...names].join(","), ...lines].join("\r\n") + "\r\n";
}

/** A run as one JSON value: its facts, its config, its numbers, and what came out. */
export function toJson(run: RunFolder): string {
  const events = run.events();
  return JSON.stringify(
    {
      ...run.summary(),
      config: run.config,
      metrics: metricRows(run),
      validations: events.filter((event) => event.type === "validation"),
      samples: events.filter((event) => event.type === "sample"),
      outputs: events.flatMap((event) => event.type === "outputs" ? event.paths : []),
    },
    null,
    2,
  ) + "\n";
}
