// Every optimizer on the demo's model and clips, at its preset rate. WANTUNE_OPTIMIZER_STEPS=400 makes the runs as long as
// the demo (about 15 minutes on two cores); the numbers are then worth reading.
import assert from "node:assert/strict";
import { join } from "node:path";
import { parseConfig } from "../../src/config/mod.ts";
import { setUp } from "../../src/train/setup.ts";
import { fixedNoiseLoss } from "../../src/train/mod.ts";
import { useAverages } from "../../src/train/average.ts";
import { trainStep } from "../../src/train/step.ts";
import { makeTrainee, type Trainee } from "../../src/train/trainee.ts";
import { tidy } from "../../src/torch/mod.ts";
import { settleSteps } from "../../src/train/length.ts";
import { withFolder } from "../support/tmp.ts";
import { useTorch } from "../support/torch.ts";

await useTorch();

const steps = Number(Deno.env.get("WANTUNE_OPTIMIZER_STEPS") ?? 6);
const isLong = steps >= 100;
const DEMO = new URL("../../presets/demo/", import.meta.url).pathname;

/** All that can be named. */
const NAMES = [
  "adamw",
  "adamw-8bit",
  "adam",
  "radam",
  "nadam",
  "schedule-free",
  "adafactor",
  "adafactor-torch",
  "lion",
  "prodigy",
  "muon",
  "sgd",
  "adagrad",
  "rmsprop",
];

Deno.test("every optimizer lowers the loss of the demo on fixed noise at its preset rate", () =>
  withFolder(async (folder) => {
    const configOf = (name: string): ReturnType<typeof parseConfig> =>
      parseConfig(
        JSON.stringify({
          extends: "./demo.jsonc",
          runsDir: folder,
          data: { cache: { dir: join(folder, "cache") } },
          train: { steps, batchSize: isLong ? 4 : 1 },
          optim: { name, warmupSteps: Math.min(10, Math.floor(steps / 4)) },
        }),
        { path: join(DEMO, "optimizers.jsonc"), set: name === "adamw" ? ["optim.learningRate=auto"] : [] },
      );
    using session = await setUp(configOf("adamw"), { emit: () => {} });
    const { dataset, models, device, dtype } = session;
    const loss = ({ model }: Trainee): number =>
      tidy(() => {
        const clips = dataset.items.map((item) => ({
          latents: dataset.latents(item),
          text: dataset.text(item.captions[0] ?? ""),
        }));
        return fixedNoiseLoss(model, { clips, ...(isLong ? {} : { sigmas: [0.3, 0.7] }) }).mean;
      });
    let before: number | undefined;
    for (const name of NAMES) {
      const config = settleSteps(configOf(name), { batchesPerEpoch: 1 });
      using trainee = makeTrainee({ models, expert: "only", config, device, dtype });
      before ??= loss(trainee); // the same for all: adapters start without effect
      for (let step = 0; step < steps; step++) {
        trainStep(trainee, { step, batchAt: (i) => dataset.batch(i, config.train) });
      }
      using _ = useAverages([trainee]);
      const after = loss(trainee);
      // deno-lint-ignore no-console
      if (isLong) console.log(`${name.padEnd(16)} ${before.toFixed(4)} -> ${after.toFixed(4)}`);
      assert(after < before, `${name}: ${before} became ${after}`);
    }
  }));
