/** `wantune train`: a run from its config, or onwards from where it stopped. */
import type { Command } from "@commander-js/extra-typings";
import { ConfigError, Stopped, VERSION } from "../../base/mod.ts";
import type { RunConfig } from "../../config/mod.ts";
import type { RunFolder } from "../../runs/mod.ts";

export function register(program: Command): void {
  program.command("train")
    .description("Trains a run from its config. Ctrl-C stops after the step and saves; a second one leaves at once.")
    .argument("[config]", "config file (JSONC)")
    .option("--resume [run]", "go on with a run: its id or folder, or the newest one; with a config, by its settings")
    .option("--set <key=value>", "override a value of the config, as often as needed", gather, [])
    .option("--libtorch <folder>", "folder that holds libtorch.so")
    .option("--json", "events as JSON, one a line")
    .action(async (path, options) => {
      await trainCommand({ path, ...options });
    });
}

interface TrainCommand {
  readonly path: string | undefined;
  readonly resume?: string | true;
  readonly set: readonly string[];
  readonly libtorch?: string;
  readonly json?: true;
}

async function trainCommand(options: TrainCommand): Promise<void> {
  const { loadConfig } = await import("../../config/mod.ts");
  const { findRun, RunFolder } = await import("../../runs/mod.ts");
  const { openRunBus } = await import("../run_bus.ts");
  const { StopSignals } = await import("../signals.ts");
  const { findPrograms } = await import("../../media/mod.ts");
  const { hostThreads } = await import("../../torch/mod.ts");
  const { openLibtorch } = await import("../torch.ts");

  const { path, resume, set } = options;
  if (path === undefined && resume === undefined) {
    throw new ConfigError("Cannot train: no config was named.", {
      cure: "give one, `wantune train my.jsonc`, or go on with a run: `wantune train --resume`",
    });
  }
  const given = path === undefined ? undefined : loadConfig(path, { set: [...set] });
  const existing = resume === undefined
    ? undefined
    : findRun(given?.runsDir ?? "runs", typeof resume === "string" ? resume : undefined);

  // Before there is a run folder, so that what is missing leaves no trace.
  await findPrograms();
  await openLibtorch({ libtorch: options.libtorch });
  const { configChanges, resolveDevice, train } = await import("../../train/mod.ts");
  if (given !== undefined) resolveDevice(given.model.device);
  using signals = await StopSignals.listen();
  using folder = existing !== undefined
    ? RunFolder.open(existing, { lock: true })
    : RunFolder.create(given as NonNullable<typeof given>);
  const config = existing === undefined ? folder.config : wantedConfig(folder, { given, set });
  const changes = existing === undefined ? [] : configChanges(folder.trainedConfig, config);
  const { memory: { threads }, log } = config;
  if (threads !== "auto") hostThreads(threads);
  using heard = openRunBus(folder, { log, json: options.json === true });
  const status = await train({
    folder,
    config,
    emit: heard.bus.emit,
    wishes: () => [...folder.controls.take(), ...(signals.requested ? ["stop" as const] : [])],
    signal: signals.signal,
    resume: existing !== undefined,
    changes,
    version: VERSION,
  });
  if (status === "stopped") {
    const isAdopted = changes.length === 0 || folder.config === config;
    throw new Stopped(`Stopped; everything is saved in ${folder.path}.`, {
      cure: isAdopted
        ? `go on with \`wantune train --resume ${folder.path}\``
        : "go on with the same command: the run has its former settings until it has begun with others",
    });
  }
}

/** The settings that a run is to go on with: those of a config, or of its folder with some replaced. */
function wantedConfig(
  folder: RunFolder,
  { given, set }: { given: RunConfig | undefined; set: readonly string[] },
): RunConfig {
  return { ...given ?? folder.withOverrides(set), runsDir: folder.trainedConfig.runsDir };
}

function gather(value: string, values: string[]): string[] {
  return [...values, value];
}
