/** What `wantune plan` counts: batches of the clips that are trained on, and bytes on the disk. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { RunConfig, SettledConfig } from "../../src/config/mod.ts";
import { planClips } from "../../src/cli/plan/clips.ts";
import { type DiskUse, diskUse } from "../../src/cli/plan/disk.ts";
import { batchesPerEpoch, workloadOf } from "../../src/cli/plan/workload.ts";
import { openModels, settleSteps } from "../../src/train/mod.ts";
import { CLIPS } from "../support/media.ts";
import { T2V, TI2V } from "../support/session.ts";
import { withFolder } from "../support/tmp.ts";
import { useTorch } from "../support/torch.ts";
import { runConfig } from "../support/train_config.ts";
import type { Sections } from "../support/workplace.ts";

await useTorch();

Deno.test("planClips() takes what is held out off the epoch, whether a share or sources of their own", () =>
  withFolder(async (folder) => {
    const put = (still: string, to: string, size: number): void => {
      Deno.mkdirSync(join(folder, to, ".."), { recursive: true });
      Deno.copyFileSync(join(CLIPS, still), join(folder, to));
      Deno.writeTextFileSync(join(folder, to.replace(/\.\w+$/, ".txt")), `a still of ${size}`);
    };
    ["still_cat.jpg", "still_coffee.png", "still_pagoda.jpg"].forEach((still, i) => put(still, `a/${still}`, i));
    put("still_rocket.webp", "b/still_rocket.webp", 3);
    put("still_cat.jpg", "b/again.jpg", 4); // what is held out is so everywhere
    const counts = async (validation?: Sections[string]): Promise<number[]> => {
      const config: RunConfig = runConfig({
        model: { weights: TI2V },
        data: {
          ...{ sources: [{ path: join(folder, "a") }], resolution: { width: 64, height: 64 }, numFrames: 1 },
          cache: { dir: join(folder, "cache") },
        },
        ...(validation === undefined ? {} : { validation }),
      });
      const models = openModels(config);
      const { report, training } = await planClips(config, { models, countTokens: undefined });
      const settled = settleSteps(
        { ...config, train: { ...config.train, steps: undefined, epochs: 10 } } as RunConfig,
        {
          batchesPerEpoch: batchesPerEpoch(training, config),
        },
      );
      const { numTexts } = workloadOf(report, { training, config: settled, models, countTokens: undefined });
      return [report.totals.used, training.totals.used, settled.train.steps, numTexts];
    };
    assert.deepEqual(await counts(), [3, 3, 30, 4]); // the empty caption too
    assert.deepEqual(await counts({ share: 0.4 }), [3, 2, 20, 4]);
    assert.deepEqual(await counts({ sources: [{ path: join(folder, "b") }] }), [5, 2, 20, 6]);
    await assert.rejects(counts({ sources: [{ path: join(folder, "gone") }] }), /gone.*does not exist/);
  }));

Deno.test("diskUse() counts the checkpoints that stay, the best, and all that is written", () => {
  const experts = [{ steps: 1000, numTrained: 10, checkpointBytes: 100 }];
  const use = (sections: Sections, weights = TI2V): DiskUse => {
    const config: SettledConfig = runConfig({ ...sections, model: { weights } });
    return diskUse(config, { experts, models: openModels(config), stepsPerEpoch: 10 });
  };
  const bfloat16 = 2 * 2 * 10; // two formats of two bytes a number
  assert.deepEqual(use({}), { checkpointBytes: 300, outputBytes: bfloat16 });
  assert.deepEqual(use({ validation: {} }), { checkpointBytes: 400, outputBytes: 2 * bfloat16 });
  assert.equal(use({ save: { everySteps: 1, keepEverySteps: 1 } }).checkpointBytes, 100 * (999 + 3));
  assert.equal(use({ save: { everySteps: 10, keepEverySteps: 100 } }).checkpointBytes, 100 * (9 + 3));
  assert.equal(use({ save: { everyEpochs: 2, keepEverySteps: 100 } }).checkpointBytes, 100 * (9 + 3));
  const all = { intermediate: true, everySteps: 100, formats: ["comfyui"], dtype: "float32" };
  assert.equal(use({ save: all }).outputBytes, 10 * 4 * 10);
  const whole = (formats: string[], weights = TI2V): number =>
    use({ method: { kind: "full" }, save: { formats, dtype: "float32" } }, weights).outputBytes;
  const [one, both] = [whole(["comfyui"]), whole(["diffusers", "comfyui"])];
  assert.equal(whole(["comfyui", "musubi"]), one, "they share their file");
  assert(both > 2 * one, "diffusers' folder has the encoders too");
  assert(whole(["diffusers"], T2V) > 2 * whole(["comfyui"], T2V), "and both experts");
});
