/** `wantune plan`: what a run will take, before anything is loaded. */
import { existsSync } from "node:fs";
import type { Command } from "@commander-js/extra-typings";
import { formatBytes, formatDuration } from "../../base/mod.ts";
import { loadConfig, type RunConfig } from "../../config/mod.ts";
import type { DataReport } from "../../data/mod.ts";
import type { Forecast } from "../../train/mod.ts";
import type { ModelSource } from "../../wan/mod.ts";
import type { DiskUse } from "../plan/disk.ts";
import { gather } from "../sample/options.ts";
import { printLine } from "../output.ts";
import { columns } from "../table.ts";
import { openLibtorch } from "../torch.ts";

/** Adds the command. */
export function register(program: Command): void {
  program.command("plan")
    .description(
      "Says what a run will take: memory at its most, seconds a step, time and disk in all, and what becomes of the clips. " +
        "Measures blank parts of the model's shape; loads no weights. Where the model is not there yet, its variant's " +
        "published sizes do.",
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
  const train = await import("../../train/mod.ts");
  const { cleanPrompt } = await import("../../wan/mod.ts");
  const { planClips } = await import("../plan/clips.ts");
  const { diskUse } = await import("../plan/disk.ts");
  const { batchesPerEpoch, workloadOf } = await import("../plan/workload.ts");
  const given = loadConfig(path, { set: options.set });
  await openLibtorch({ libtorch: options.libtorch, threads: given.memory.threads });
  const { models, isThere } = await modelOf(given);
  train.checkRun(given, models);
  const words = isThere ? models.loadTokenizer() : undefined;
  const countTokens = words && ((text: string): number => words.encode(cleanPrompt(text)).length);
  const { report, training } = await planClips(given, { models, countTokens });
  const perEpoch = batchesPerEpoch(training, given);
  const config = train.settleSteps(given, { batchesPerEpoch: perEpoch });
  const device = train.resolveDevice(config.model.device), dtype = train.resolveDtype(config.model.dtype, device);
  const workload = workloadOf(report, { training, config, models, countTokens });
  const forecast = train.forecastRun({ models, config, workload, device, dtype });
  const { peakBytes, hostBytes, programBytes, phases, experts: found } = forecast;
  const experts = found.map(({ expert, config: own, memory: { choice }, ...one }) => ({
    ...{ expert, steps: own.train.steps, secondsPerStep: one.secondsPerStep, peakBytes: Math.round(one.peakBytes) },
    ...{ numTrained: one.numTrained, checkpointBytes: Math.round(one.checkpointBytes) },
    ...{ plan: train.planText(choice.plan), fits: choice.fits, blocks: choice.plan },
  }));
  const seconds = phases.reduce((sum, phase) => sum + (phase.seconds ?? 0), 0);
  const disk = diskUse(config, { experts, models, stepsPerEpoch: perEpoch / config.train.gradientAccumulation });
  const budget = Math.min(...found.map(({ memory }) => memory.budgetBytes ?? Infinity));
  const result = {
    ...{ device, dtype, tokens: workload.batch.numTokens, published: !isThere, experts, seconds },
    ...{ peakBytes: Math.round(peakBytes), hostBytes: Math.round(hostBytes), programBytes },
    fits: peakBytes <= budget,
    phases: phases.map((phase) => ({ ...phase, bytes: Math.round(phase.bytes) })),
    diskBytes: disk.checkpointBytes + disk.outputBytes,
    disk,
    data: { ...report.totals, heldOut: report.totals.used - training.totals.used, buckets: report.buckets },
  };
  if (options.json) return printLine(JSON.stringify(result));
  for (const line of columns(rowsOf(result, { models, report, batchSize: config.train.batchSize }))) printLine(line);
}

/** The model that a config names, or where its files are not there and it says which variant it is, that in its published sizes. */
async function modelOf(config: RunConfig): Promise<{ models: ModelSource; isThere: boolean }> {
  const { weights, variant: name } = config.model;
  if (name !== "auto" && typeof weights === "string" && !existsSync(weights)) {
    const { ModelSource } = await import("../../wan/mod.ts");
    const { variantCalled } = await import("../model/init.ts");
    return { models: ModelSource.published(await variantCalled(name)), isThere: false };
  }
  const { openModels } = await import("../../train/mod.ts");
  return { models: openModels(config), isThere: true };
}

/** The result for people. */
function rowsOf(
  result: Pick<Forecast, "phases" | "peakBytes" | "hostBytes"> & {
    readonly device: string;
    readonly dtype: string;
    readonly tokens: number;
    readonly published: boolean;
    readonly seconds: number;
    readonly disk: DiskUse;
    readonly data: { readonly heldOut: number };
    readonly fits: boolean;
    readonly experts: readonly {
      readonly expert: string;
      readonly numTrained: number;
      readonly plan: string;
      readonly secondsPerStep: number;
      readonly steps: number;
    }[];
  },
  { models, report: { totals, buckets }, batchSize }: { models: ModelSource; report: DataReport; batchSize: number },
): string[][] {
  const { device, phases, experts } = result;
  const whole = phases.map(({ name, bytes }) => `${name} ${formatBytes(bytes)}`).join(", ");
  return [
    [
      "model",
      `${models.variant.title}, ${result.dtype} on ${device}${
        result.published ? ", its published sizes: the config's model is not there" : ""
      }`,
    ],
    [
      "data",
      `${totals.used} files used${result.data.heldOut === 0 ? "" : `, ${result.data.heldOut} of them held out`}, ` +
      `${totals.rejected} rejected, ${totals.items} items, ${buckets.length} sizes`,
    ],
    ["batch", `${batchSize} of at most ${result.tokens} tokens`],
    ...experts.flatMap((one) => [
      [one.expert === "only" ? "training" : `${one.expert} noise`, `${one.numTrained.toLocaleString("en-US")} numbers`],
      ["  plan", one.plan],
      ["  step", `about ${formatDuration(one.secondsPerStep)}, an estimate; ${one.steps} steps`],
    ]),
    [
      "memory",
      `${formatBytes(result.peakBytes)} at most${result.fits ? "" : ", MORE THAN THERE IS"}: ${whole}`,
    ],
    ...(device === "cpu" ? [] : [["  host", `${formatBytes(result.hostBytes)} at most`]]),
    [
      "in all",
      `about ${formatDuration(result.seconds)} without validation, ${experts.length > 1 ? "turns" : "data"} and saving`,
    ],
    [
      "disk",
      `${formatBytes(result.disk.checkpointBytes)} for checkpoints, ${
        formatBytes(result.disk.outputBytes)
      } for outputs, ` +
      "at most",
    ],
  ];
}
