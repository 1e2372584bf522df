// A LoRA on the demo's model and clips, with its base in bfloat16 and in fewer bits. WANTUNE_QUANTIZED_STEPS=400 makes the runs
// as long as the demo, with its batch and all ten noise levels; the losses are then printed.
import assert from "node:assert/strict";
import { join } from "node:path";
import { parseConfig } from "../../src/config/mod.ts";
import { tidy } from "../../src/torch/mod.ts";
import { fixedNoiseLoss } from "../../src/train/mod.ts";
import { settleSteps } from "../../src/train/length.ts";
import { setUp } from "../../src/train/setup.ts";
import { trainStep } from "../../src/train/step.ts";
import { makeTrainee, type Trainee } from "../../src/train/trainee.ts";
import { withFolder } from "../support/tmp.ts";
import { useTorch } from "../support/torch.ts";

await useTorch();

const steps = Number(Deno.env.get("WANTUNE_QUANTIZED_STEPS") ?? 6);
const isLong = steps >= 100;
const DEMO = new URL("../../presets/demo/", import.meta.url).pathname;
const KINDS = ["none", "fp8", "int8", "nf4"] as const;

Deno.test("a LoRA on a base in fp8, int8 and nf4 reaches the loss of that on a bfloat16 base, within 3 %", () =>
  withFolder(async (folder) => {
    const configOf = (quantization: (typeof KINDS)[number]): ReturnType<typeof parseConfig> =>
      parseConfig(
        JSON.stringify({
          extends: "./demo.jsonc",
          runsDir: folder,
          model: { dtype: "bfloat16", quantization },
          data: { cache: { dir: join(folder, "cache") } },
          train: { steps, ...(isLong ? {} : { batchSize: 1 }) },
          optim: { warmupSteps: Math.min(10, Math.floor(steps / 4)) },
        }),
        { path: join(DEMO, "quantized.jsonc") },
      );
    using session = await setUp(configOf("none"), { emit: () => {} });
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
    const reached = KINDS.map((quantization) => {
      const config = settleSteps(configOf(quantization), { batchesPerEpoch: 1 });
      using trainee = makeTrainee({ models, expert: "only", config, device, dtype });
      before ??= loss(trainee); // of the bfloat16 base: adapters start without effect
      for (let step = 0; step < steps; step++) {
        trainStep(trainee, { step, batchAt: (i) => dataset.batch(i, config.train) });
      }
      const after = loss(trainee);
      // deno-lint-ignore no-console
      if (isLong) console.log(`${quantization.padEnd(5)} ${before.toFixed(4)} -> ${after.toFixed(4)}`);
      // it learns far more than the comparison allows
      assert(after < 0.9 * before, `${quantization}: ${before} became ${after}`);
      return after;
    });
    const [wanted = NaN, ...others] = reached;
    others.forEach((found, i) => {
      assert.notEqual(found, wanted, `${KINDS[i + 1]} has the bfloat16 base`);
      assert(Math.abs(found / wanted - 1) < 0.03, `${KINDS[i + 1]}: ${found}, bfloat16: ${wanted}`);
    });
  }));
