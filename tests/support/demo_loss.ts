/** The demo's model and clips trained inside the test's process, and the loss on fixed noise before and after. */
import { join } from "node:path";
import { parseConfig } from "../../src/config/mod.ts";
import { tidy } from "../../src/torch/mod.ts";
import { useAverages } from "../../src/train/average.ts";
import { settleSteps } from "../../src/train/length.ts";
import { fixedNoiseLoss } from "../../src/train/mod.ts";
import { type Session, setUp } from "../../src/train/setup.ts";
import { trainStep } from "../../src/train/step.ts";
import { makeTrainee, type Trainee } from "../../src/train/trainee.ts";
import type { Sections } from "./workplace.ts";

const DEMO = new URL("../../presets/demo/", import.meta.url).pathname;

/** How the runs of a test are made. */
export interface DemoOptions {
  /** For the cache, which all share. */
  readonly folder: string;
  /** Of each run. Few are taken one clip at a time, and measured at two noise levels instead of ten. */
  readonly steps: number;
}

/** Runs from here on are as long as the demo's own, so that their losses are worth reading. */
export const LONG = 100;

/** The loss on fixed noise. */
export interface DemoLosses {
  /** Of the first run before its first step; that of all whose base is the same, as adapters start without effect. */
  readonly before: number;
  /** Of each run after its last step. */
  readonly after: readonly number[];
}

/** Trains the demo by several settings, one after the other. @param runs sections of the config that each has of its own */
export async function demoLosses(runs: readonly Sections[], options: DemoOptions): Promise<DemoLosses> {
  const configs = runs.map((sections) => configOf(sections, options));
  const [first] = configs;
  if (first === undefined) throw new RangeError("no runs to make");
  using session = await setUp(first, { emit: () => {} });
  const { dataset, models, device, dtype } = session;
  let before: number | undefined;
  const after = configs.map((given) => {
    const config = settleSteps(given, { batchesPerEpoch: 1 });
    using trainee = makeTrainee({ models, expert: "only", config, device, dtype });
    before ??= lossOf(trainee, { dataset, options });
    for (let step = 0; step < options.steps; step++) {
      trainStep(trainee, { step, batchAt: (i) => dataset.batch(i, config.train) });
    }
    using _ = useAverages([trainee]);
    return lossOf(trainee, { dataset, options });
  });
  return { before: before ?? NaN, after };
}

function configOf(sections: Sections, { folder, steps }: DemoOptions): ReturnType<typeof parseConfig> {
  const text = {
    extends: "./demo.jsonc",
    runsDir: folder,
    ...sections,
    data: { cache: { dir: join(folder, "cache") } },
    train: { steps, ...(steps < LONG ? { batchSize: 1 } : {}) },
    optim: { ...sections.optim, warmupSteps: Math.min(10, Math.floor(steps / 4)) },
  };
  return parseConfig(JSON.stringify(text), { path: join(DEMO, "test.jsonc") });
}

function lossOf(
  { model }: Trainee,
  { dataset, options: { steps } }: { dataset: Session["dataset"]; options: DemoOptions },
): number {
  return tidy(() => {
    const clips = dataset.items.map((item) => ({
      latents: dataset.latents(item),
      text: dataset.text(item.captions[0] ?? ""),
    }));
    return fixedNoiseLoss(model, { device: "cpu", clips, ...(steps < LONG ? { sigmas: [0.3, 0.7] } : {}) }).mean;
  });
}
