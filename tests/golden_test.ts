/**
 * Every golden case of the folder that WANTUNE_GOLDEN names (`tests/golden` if none), run by its kind. Cases that cannot
 * be run yet are skipped by name and reason.
 */

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { liveHandles } from "../src/torch/mod.ts";
import { runPromptCleanCase, runTokenizerCase } from "./support/golden_text.ts";
import { runEmaCase, runOptimizerCase } from "./support/golden_optim.ts";
import { runLrScheduleCase, runRngCase, runTimestepSamplingCase } from "./support/golden_small.ts";
import { runLoraCase, runTrainingCase, runTransformerCase } from "./support/golden_train.ts";
import {
  runEmbeddingCase,
  runNoisingCase,
  runPipelineCase,
  runPromptEmbedsCase,
  runSchedulerCase,
  runTextEncoderCase,
  runVaeCase,
} from "./support/golden_wan.ts";
import {
  runOriginalTextEncoderCase,
  runOriginalTransformerCase,
  runOriginalVaeCase,
} from "./support/golden_formats.ts";
import { goldenDir } from "./support/paths.ts";
import { useTorch } from "./support/torch.ts";

/** Runs the case in a folder; throws where a number is off. */
type Runner = (dir: string) => unknown;

const RUNNERS: Record<string, Runner> = {
  ema: runEmaCase,
  embedding: runEmbeddingCase,
  lora: runLoraCase,
  lr_schedule: runLrScheduleCase,
  optimizer: runOptimizerCase,
  original_text_encoder: runOriginalTextEncoderCase,
  original_transformer: runOriginalTransformerCase,
  original_vae: runOriginalVaeCase,
  pipeline: runPipelineCase,
  prompt_clean: runPromptCleanCase,
  prompt_embeds: runPromptEmbedsCase,
  rng: runRngCase,
  scheduler: runSchedulerCase,
  scheduler_noising: runNoisingCase,
  text_encoder: runTextEncoderCase,
  timestep_sampling: runTimestepSamplingCase,
  tokenizer: runTokenizerCase,
  training: runTrainingCase,
  transformer_forward_backward: runTransformerCase,
  vae: runVaeCase,
  vae_tiled: runVaeCase,
};

await useTorch();

const cases = join(goldenDir(), "cases");
for (const id of readdirSync(cases).sort()) {
  const dir = join(cases, id);
  if (!existsSync(join(dir, "case.json"))) continue;
  const { kind } = JSON.parse(readFileSync(join(dir, "case.json"), "utf8"));
  const runner = RUNNERS[kind];
  if (runner === undefined) {
    Deno.test.ignore(`golden ${id}: cases of kind "${kind}" cannot be run yet`, () => {});
    continue;
  }
  Deno.test(`golden ${id}`, async () => {
    const before = liveHandles();
    await runner(dir);
    assert.equal(liveHandles(), before, "tensors were left behind");
  });
}
