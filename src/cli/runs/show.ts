/** One run for people, and as JSON. */

import { formatBytes, formatDuration } from "../../base/mod.ts";
import type { RunFolder } from "../../runs/mod.ts";
import { oneLine } from "../output.ts";

/** What `--json` gives: the summary, files, and the loss by step. */
export function details(run: RunFolder): Record<string, unknown> {
  const events = run.events();
  return {
    ...run.summary(),
    loss: run.metrics("loss"),
    validation: run.metrics("validation.loss"),
    samples: events.flatMap((event) => event.type === "sample" ? [event.path] : []),
    outputs: events.flatMap((event) => event.type === "outputs" ? event.paths : []),
    warnings: events.flatMap((event) => event.type === "warning" ? [event.message] : []),
  };
}

/** A run in rows of a name and a value. */
export function shown(run: RunFolder): string[][] {
  const summary = run.summary();
  const events = run.events();
  const rows: (string | undefined)[][] = [
    ["run", summary.id],
    ["status", summary.status + (isAlive(summary.status) && summary.pid !== undefined ? ` (pid ${summary.pid})` : "")],
    ["error", summary.error === undefined ? undefined : oneLine(summary.error)],
    ["ended early", summary.early],
    ["step", `${summary.step} of ${summary.totalSteps ?? "?"}`],
    ["loss", firstAndLast(run.metrics("loss"))],
    ...["high", "low"].map((expert) => [`loss, ${expert} noise`, firstAndLast(run.metrics(`loss.${expert}`))]),
    ["validation", validation(run)],
    ["pace", pace(run)],
    ["checkpoint", summary.checkpointStep === undefined ? "none" : `step ${summary.checkpointStep}`],
    ["started", summary.createdAt],
    ["last heard", summary.lastHeardAt],
    ["folder", summary.path],
    ...events.flatMap((event) => event.type === "outputs" ? event.paths.map((path) => ["output", path]) : []),
    ...events.flatMap((event) => event.type === "sample" ? [["sample", event.path]] : []),
    ...events.flatMap((event) => event.type === "warning" ? [["warning", oneLine(event.message)]] : []),
    [
      "resume with",
      ["dead", "stopped", "failed"].includes(summary.status) ? `wantune train --resume ${summary.path}` : undefined,
    ],
  ];
  return rows.flatMap(([key, value]) => key === undefined || value === undefined ? [] : [[key, value]]);
}

function isAlive(status: string): boolean {
  return status === "running" || status === "paused";
}

type Metric = readonly { readonly step: number; readonly value: number }[];

function firstAndLast(metric: Metric): string | undefined {
  const mean = (part: Metric): string => (part.reduce((sum, { value }) => sum + value, 0) / part.length).toFixed(4);
  return metric.length === 0 ? undefined : `${mean(metric.slice(0, 20))} at first, ${mean(metric.slice(-20))} of late`;
}

function validation(run: RunFolder): string | undefined {
  const metric = run.metrics("validation.loss");
  const [last] = metric.slice(-1);
  const [best] = metric.filter(({ step }) => step > 0).sort((a, b) => a.value - b.value);
  if (last === undefined) return undefined;
  const beside = best === undefined ? "" : `, best ${best.value.toFixed(4)} at step ${best.step}`;
  return `${last.value.toFixed(4)} at step ${last.step}${beside}`;
}

/** Time, tokens, utilisation and memory of late. */
function pace(run: RunFolder): string | undefined {
  const late = (name: string): number | undefined => {
    const values = run.metrics(name).slice(-20).map(({ value }) => value).sort((a, b) => a - b);
    return values[Math.floor(values.length / 2)];
  };
  const [seconds, tokens, share] = [late("seconds"), late("tokensPerSecond"), late("utilisation")];
  if (seconds === undefined) return undefined;
  const memory = Math.max(late("residentPeakBytes") ?? 0, late("residentBytes") ?? 0);
  return [
    `${formatDuration(seconds)} a step`,
    ...(tokens === undefined ? [] : [`${Math.round(tokens)} tokens/s`]),
    ...(share === undefined ? [] : [`${(share * 100).toFixed(0)} % of the device's peak`]),
    `${formatBytes(memory)} of memory`,
  ].join(", ");
}
