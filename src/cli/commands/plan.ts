/** `wantune plan`: what a run will take, before anything is loaded. */
import type { Command } from "@commander-js/extra-typings";
import { formatBytes, formatDuration } from "../../base/mod.ts";
import { loadConfig } from "../../config/mod.ts";
import { gather } from "../sample/options.ts";
import { printLine } from "../output.ts";
import { columns } from "../table.ts";
import { openLibtorch } from "../torch.ts";

/** Adds the command. */
export function register(program: Command): void {
  program.command("plan")
    .description(
      "Says what a run will take: memory at its most, seconds a step, time and disk in all, and what becomes of the clips. " +
        "Measures one blank block of the model's shape; loads no weights.",
    )
    .argument("<config>", "config file (JSONC)")
    .option("--set <key=value>", "override a value of the config, as often as needed", gather, [])
    .option("--libtorch <folder>", "folder that holds libtorch.so")
    .option("--json", "print one JSON object")
    .action((path, options) => showPlan(path, options));
}

interface PlanCommand {
  readonly set: readonly string[];
  readonly libtorch?: string;
  readonly json?: true;
}

async function showPlan(path: string, options: PlanCommand): Promise<void> {
  const { dataReport, planDataset } = await import("../../data/mod.ts");
  const train = await import("../../train/mod.ts");
  const given = loadConfig(path, { set: options.set });
  await openLibtorch({ libtorch: options.libtorch });
  const models = train.openModels(given);
  const geometry = train.dataGeometry(models);
  const report = dataReport(await planDataset({ ...given.data, onBadFile: "skip" }, { geometry, emit: () => {} }));
  const tokens = report.buckets.map(({ width, height, frames }) =>
    ((frames - 1) / geometry.temporalStride + 1) * (width / geometry.spatialDivisor) *
    (height / geometry.spatialDivisor)
  );
  const shown = report.buckets.reduce((sum, bucket) => sum + Math.ceil(bucket.shown / given.train.batchSize), 0);
  const config = train.settleSteps(given, { batchesPerEpoch: Math.max(1, shown) });
  const device = train.resolveDevice(config.model.device), dtype = train.resolveDtype(config.model.dtype, device);
  const batch = { batchSize: config.train.batchSize, numTokens: Math.max(1, ...tokens) };
  const experts = train.trainedExperts(config, models).map((expert) => {
    const own = train.configOf(config, expert);
    const forecast = train.forecastTraining({ models, expert, config: own, batch, device, dtype });
    const { secondsPerStep, peakBytes, numTrained, checkpointBytes, memory } = forecast;
    return {
      ...{
        expert,
        steps: own.train.steps,
        secondsPerStep,
        peakBytes: Math.round(peakBytes),
        numTrained,
        checkpointBytes,
      },
      ...{ plan: train.planText(memory.choice.plan), fits: memory.choice.fits, blocks: memory.choice.plan },
    };
  });
  const seconds = experts.reduce((sum, { steps, secondsPerStep }) => sum + steps * secondsPerStep, 0);
  const diskBytes = Math.round(
    (config.save.keep + 1) * experts.reduce((sum, { checkpointBytes }) => sum + checkpointBytes, 0),
  );
  const { totals, buckets } = report;
  const result = { device, dtype, tokens: batch.numTokens, experts, seconds, diskBytes, data: { ...totals, buckets } };
  if (options.json) return printLine(JSON.stringify(result));
  const rows = [
    ["model", `${models.variant.title}, ${dtype} on ${device}`],
    ["data", `${totals.used} files used, ${totals.rejected} rejected, ${totals.items} items, ${buckets.length} sizes`],
    ["batch", `${batch.batchSize} of at most ${batch.numTokens} tokens`],
    ...experts.flatMap((one) => [
      [one.expert === "only" ? "training" : `${one.expert} noise`, `${one.numTrained.toLocaleString("en-US")} numbers`],
      ["  memory", `${formatBytes(one.peakBytes)} at most${one.fits ? "" : ", MORE THAN THERE IS"}`],
      ["  plan", one.plan],
      ["  step", `about ${formatDuration(one.secondsPerStep)}, an estimate; ${one.steps} steps`],
    ]),
    ["in all", `about ${formatDuration(seconds)} without samples, validation and encoding`],
    ["disk", `${formatBytes(diskBytes)} for checkpoints`],
  ];
  for (const line of columns(rows)) printLine(line);
}
