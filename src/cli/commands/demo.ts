/** `wantune demo`: the first minute. A tiny built-in model learns three clips, and one sees what changed. */
import { resolve } from "node:path";
import type { Command } from "@commander-js/extra-typings";
import { ConfigError, Stopped, VERSION } from "../../base/mod.ts";
import { printLine } from "../output.ts";

/** Adds the command. */
export function register(program: Command): void {
  program.command("demo")
    .description(
      "Fine-tunes the built-in tiny model on clips it has not seen, and shows what changed. Needs no download.",
    )
    .option("--out <folder>", "folder to work in", "wantune-demo")
    .option("--steps <number>", "optimizer steps", "400")
    .option("--libtorch <folder>", "folder that holds libtorch.so")
    .option("--json", "events as JSON, one a line; the last line is the result")
    .action(demo);
}

async function demo(
  options: { out: string; steps: string; libtorch?: string; json?: true },
): Promise<void> {
  const startedAt = performance.now();
  const { loadConfig } = await import("../../config/mod.ts");
  const { RunFolder } = await import("../../runs/mod.ts");
  const { prepareDemoFolder } = await import("../demo/folder.ts");
  const { resultTable, summarize, writeShow } = await import("../demo/report.ts");
  const { openRunBus } = await import("../run_bus.ts");
  const { StopSignals } = await import("../signals.ts");
  const { openLibtorch } = await import("../torch.ts");
  const { findPrograms } = await import("../../media/mod.ts");

  const steps = Number(options.steps);
  if (!Number.isSafeInteger(steps) || steps < 1) {
    throw new ConfigError(`Cannot run the demo for ${options.steps} steps.`, { cure: "name a whole number above 0" });
  }
  await findPrograms();
  await openLibtorch({ libtorch: options.libtorch });
  const { train } = await import("../../train/mod.ts");
  const { DemoMeasurements } = await import("../demo/measure.ts");

  const out = resolve(options.out);
  const config = loadConfig(prepareDemoFolder(out), { set: [`train.steps=${steps}`, `runsDir=${out}/runs`] });
  using signals = await StopSignals.listen();
  using folder = RunFolder.create(config);
  using heard = openRunBus(folder, { log: config.log, json: options.json === true });
  const { bus, renderer } = heard;
  const stepSeconds: number[] = [];
  bus.subscribe((event) => {
    if (event.type === "step") stepSeconds.push(event.seconds);
  });
  const measurements = new DemoMeasurements();
  const status = await train({
    folder,
    emit: bus.emit,
    wishes: () => signals.requested ? ["stop"] : [],
    resume: false,
    version: VERSION,
    observer: measurements,
  });
  if (status === "stopped") {
    throw new Stopped(`Stopped; everything is saved in ${folder.path}.`, {
      cure: `go on with \`wantune train --resume ${folder.path}\``,
    });
  }
  const { clips, videos } = await measurements.results();
  const files = await writeShow(out, videos);
  renderer.close();
  const result = {
    ...summarize(clips),
    steps,
    secondsPerStep: stepSeconds.sort((a, b) => a - b)[Math.floor(stepSeconds.length / 2)] ?? 0,
    seconds: (performance.now() - startedAt) / 1000,
    files: { ...files, run: folder.path },
  };
  if (options.json) return printLine(JSON.stringify(result));
  printLine();
  for (const line of resultTable(clips)) printLine(line);
  printLine();
  printLine(`${steps} steps of ${result.secondsPerStep.toFixed(2)} s, ${result.seconds.toFixed(0)} s in all`);
  for (const [name, path] of Object.entries(files)) printLine(`${name.padEnd(13)} ${path}`);
}
