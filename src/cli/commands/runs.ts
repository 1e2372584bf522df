/** `wantune runs list|show`: what has been trained, and how far it is. */

import type { Command } from "@commander-js/extra-typings";
import { oneLine, printLine } from "../output.ts";
import { columns } from "../table.ts";
import type { ListedRun, RunFolder } from "../../runs/mod.ts";

/** Adds the command. */
export function register(program: Command): void {
  const runs = program.command("runs").description("List runs, or show one.");
  runs.command("list")
    .description("List the runs in a folder, newest first.")
    .option("--dir <folder>", "folder of the runs", "runs")
    .option("--json", "print one JSON object a line")
    .action(async (options) => {
      const { listRuns } = await import("../../runs/mod.ts");
      const found = listRuns(options.dir);
      if (options.json) return found.forEach((run) => printLine(JSON.stringify(run)));
      if (found.length === 0) return printLine(`no runs in ${options.dir}`);
      for (const line of columns([["run", "status", "step", "loss", "last heard of"], ...found.map(row)])) {
        printLine(line);
      }
    });
  runs.command("show")
    .description("Show one run: where it stands, its files, its latest numbers. Without a name, the newest.")
    .argument("[run]", "the run's folder, its id, or a part of it")
    .option("--dir <folder>", "folder of the runs", "runs")
    .option("--events", "also every event, as JSON lines")
    .option("--json", "print one JSON object")
    .action(async (name, options) => {
      const { findRun, RunFolder } = await import("../../runs/mod.ts");
      using run = RunFolder.open(findRun(options.dir, name));
      if (options.json) printLine(JSON.stringify(details(run)));
      else for (const line of columns(shown(run))) printLine(line);
      if (options.events) { for (const event of run.events()) printLine(JSON.stringify(event)); }
    });
}

function row(run: ListedRun): string[] {
  if (run.status === "unreadable") return [oneLine(run.id), run.status, "", "", oneLine(run.error)];
  const loss = run.loss === undefined ? "" : run.loss.toFixed(4);
  return [run.id, run.status, `${run.step}/${run.totalSteps ?? "?"}`, loss, run.lastHeardAt ?? run.createdAt];
}

/** What `--json` gives: the summary, files, and the loss by step. */
function details(run: RunFolder): Record<string, unknown> {
  const events = run.events();
  return {
    ...run.summary(),
    loss: run.metrics("loss"),
    samples: events.flatMap((event) => event.type === "sample" ? [event.path] : []),
    outputs: events.flatMap((event) => event.type === "lora" ? event.paths : []),
    warnings: events.flatMap((event) => event.type === "warning" ? [event.message] : []),
  };
}

function shown(run: RunFolder): string[][] {
  const summary = run.summary();
  const losses = run.metrics("loss").map(({ value }) => value);
  const events = run.events();
  const rows: (string | undefined)[][] = [
    ["run", summary.id],
    [
      "status",
      summary.status + (summary.status === "running" && summary.pid !== undefined ? ` (pid ${summary.pid})` : ""),
    ],
    ["error", summary.error === undefined ? undefined : oneLine(summary.error)],
    ["step", `${summary.step} of ${summary.totalSteps ?? "?"}`],
    [
      "loss",
      losses.length === 0 ? undefined : `${mean(losses.slice(0, 20))} at first, ${mean(losses.slice(-20))} of late`,
    ],
    ["checkpoint", summary.checkpointStep === undefined ? "none" : `step ${summary.checkpointStep}`],
    ["started", summary.createdAt],
    ["last heard", summary.lastHeardAt],
    ["folder", summary.path],
    ...events.flatMap((event) => event.type === "lora" ? event.paths.map((path) => ["output", path]) : []),
    ...events.flatMap((event) => event.type === "sample" ? [["sample", event.path]] : []),
    [
      "resume with",
      ["dead", "stopped", "failed"].includes(summary.status) ? `wantune train --resume ${summary.path}` : undefined,
    ],
  ];
  return rows.flatMap(([key, value]) => key === undefined || value === undefined ? [] : [[key, value]]);
}

function mean(values: readonly number[]): string {
  return (values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(4);
}
