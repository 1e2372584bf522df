/** `wantune runs`: what has been trained, how far it is, and wishes to what is running. */

import type { Command } from "@commander-js/extra-typings";
import { RunError, writeAtomically } from "../../base/mod.ts";
import { oneLine, printLine, writeText } from "../output.ts";
import { columns } from "../table.ts";
import type { ListedRun, Wish } from "../../runs/mod.ts";

const NAME = "the run's folder, its id, or a part of it";
const DIR = ["--dir <folder>", "folder of the runs", "runs"] as const;

/** What can be wished of a run, and what comes of it. */
const WISHES: readonly (readonly [wish: Wish, describe: string, told: string])[] = [
  ["pause", "Let a run wait after its step; it keeps its memory.", "pauses after its step"],
  ["resume", "Let a paused run go on. One that has ended goes on with `wantune train --resume`.", "goes on"],
  ["stop", "Stop a run after its step; everything is saved.", "stops after its step, and saves"],
  ["save", "Let a run write a checkpoint after its step.", "saves after its step"],
  ["sample", "Let a run make its samples after its step.", "makes samples after its step"],
];

/** Adds the command. */
export function register(program: Command): void {
  const runs = program.command("runs").description(
    "List, show, compare, export and remove runs; steer those that run.",
  );
  addList(runs as Command);
  addShow(runs as Command);
  addCompare(runs as Command);
  addExport(runs as Command);
  addRemove(runs as Command);
  for (const [wish, describe, told] of WISHES) {
    runs.command(wish)
      .description(`${describe} Without a name, the newest.`)
      .argument("[run]", NAME)
      .option(...DIR)
      .action(async (name, { dir }) => await post(wish, { name, dir, told }));
  }
}

function addList(runs: Command): void {
  runs.command("list")
    .description("List the runs in a folder, newest first.")
    .option(...DIR)
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
}

function addShow(runs: Command): void {
  runs.command("show")
    .description("Show one run: where it stands, its files, its latest numbers. Without a name, the newest.")
    .argument("[run]", NAME)
    .option(...DIR)
    .option("--events", "also every event, as JSON lines")
    .option("--json", "print one JSON object")
    .action(async (name, options) => {
      const { findRun, RunFolder } = await import("../../runs/mod.ts");
      const { details, shown } = await import("../runs/show.ts");
      using run = RunFolder.open(findRun(options.dir, name));
      if (options.json) printLine(JSON.stringify(details(run)));
      else for (const line of columns(shown(run))) printLine(line);
      if (options.events) { for (const event of run.events()) printLine(JSON.stringify(event)); }
    });
}

function addCompare(runs: Command): void {
  runs.command("compare")
    .description("Show where the settings of runs differ, and what came of it.")
    .argument("<runs...>", `${NAME}, two or more`)
    .option(...DIR)
    .option("--json", "print one JSON object a line")
    .action(async (names, options) => {
      const { findRun, RunFolder } = await import("../../runs/mod.ts");
      const { compared, compareRuns } = await import("../runs/compare.ts");
      const all = names.map((name) => {
        using run = RunFolder.open(findRun(options.dir, name));
        return compared(run);
      });
      const rows = compareRuns(all);
      if (options.json) return rows.forEach((each) => printLine(JSON.stringify(each)));
      const cell = (value: unknown): string => value === undefined ? "-" : oneLine(JSON.stringify(value));
      for (
        const line of columns([["", ...all.map(({ id }) => id)], ...rows.map((r) => [r.name, ...r.values.map(cell)])])
      ) printLine(line);
    });
}

function addExport(runs: Command): void {
  runs.command("export")
    .description(
      "Write the numbers of a run as CSV, or all there is to say about it as JSON. Without a name, the newest.",
    )
    .argument("[run]", NAME)
    .option(...DIR)
    .option("--csv", "a table with one line a step; this is the default")
    .option("--json", "facts, config, numbers and files as one JSON object")
    .option("--out <file>", "where to write; to standard output without")
    .action(async (name, { dir, json, out }) => {
      const { findRun, RunFolder } = await import("../../runs/mod.ts");
      const { metricRows, toCsv, toJson } = await import("../runs/export.ts");
      using run = RunFolder.open(findRun(dir, name));
      const text = json ? toJson(run) : toCsv(metricRows(run));
      if (out === undefined) return writeText(Deno.stdout, text);
      writeAtomically(out, text);
      printLine(`saved ${out}`);
    });
}

function addRemove(runs: Command): void {
  runs.command("rm")
    .description("Remove a run with its checkpoints, samples and outputs. It must not be running.")
    .argument("<run>", NAME)
    .option(...DIR)
    .option("--yes", "do not ask")
    .action(async (name, { dir, yes }) => {
      const { findRun, removeRun } = await import("../../runs/mod.ts");
      const path = findRun(dir, name);
      if (!yes && !confirmed(`Remove ${path} with all that is in it?`)) return printLine("nothing was removed");
      removeRun(path);
      printLine(`removed ${path}`);
    });
}

/** Asks on a terminal. @throws {RunError} where there is none to ask on */
function confirmed(question: string): boolean {
  if (Deno.stdin.isTerminal()) return confirm(question);
  throw new RunError("Cannot ask whether to remove the run: there is no terminal.", { cure: "add --yes" });
}

/** Leaves a wish for the process that trains a run. @throws {RunError} if there is none */
async function post(wish: Wish, options: { name: string | undefined; dir: string; told: string }): Promise<void> {
  const { name, dir, told } = options;
  const { findRun, RunFolder } = await import("../../runs/mod.ts");
  using run = RunFolder.open(findRun(dir, name));
  const { status, id } = run.summary();
  if (status !== "running" && status !== "paused") {
    throw new RunError(`Cannot ${wish} the run "${id}": it is not running, but ${status}.`, {
      cure: `go on with it by \`wantune train --resume ${run.path}\``,
    });
  }
  if (wish === "sample" && run.trainedConfig.sample === undefined) {
    throw new RunError(`Cannot make samples of the run "${id}": its config has no section sample.`, {
      cure: "stop it, then resume it with a config that has one",
    });
  }
  run.controls.post(wish);
  printLine(`${id} ${told}`);
}

function row(run: ListedRun): string[] {
  if (run.status === "unreadable") return [oneLine(run.id), run.status, "", "", oneLine(run.error)];
  const loss = run.loss === undefined ? "" : run.loss.toFixed(4);
  return [run.id, run.status, `${run.step}/${run.totalSteps ?? "?"}`, loss, run.lastHeardAt ?? run.createdAt];
}
