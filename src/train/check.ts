/** What of a config can be told to be wrong by the model's shape alone, before anything is loaded or encoded. */
import { existsSync } from "node:fs";
import { ConfigError } from "../base/mod.ts";
import type { MethodConfig, RunConfig } from "../config/mod.ts";
import type { Device, DType } from "../torch/mod.ts";
import { checkToken, type Expert, latentSize, type ModelSource } from "../wan/mod.ts";
import { readEmbedding } from "../weights/mod.ts";
import { configOf, trainedExperts } from "./experts.ts";
import { checkGivenFrames } from "./given_frames.ts";
import { guidanceOf } from "./guidance.ts";
import { checkTrained } from "./memory/blank_trainee.ts";
import { checkMemory } from "./memory/plan.ts";
import { trainedShapes } from "./memory/text_side.ts";
import { checkSamplePictures } from "./pictures.ts";
import { trainsText } from "./text_side.ts";
import { givenSigmas, noiseLaw, rangeOf } from "./timesteps.ts";

/**
 * Refuses what a run cannot do or would ignore.
 * @throws {ConfigError}
 * @throws {WeightsError} if the embedding to start from is none for the model
 */
export function checkRun(config: RunConfig, models: ModelSource): void {
  const { variant, boundary, transformerConfig } = models;
  const { sample, method } = config;
  checkGivenFrames(config.train, variant);
  if (sample !== undefined) {
    checkSamplePictures(sample, variant);
    guidanceOf(sample, variant);
    latentSize(sample, models);
    for (const path of sample.images ?? []) refuseMissing(path);
  }
  checkMemory(config.memory, { numBlocks: transformerConfig.numLayers });
  if (method.kind === "embedding") checkWord(method, models);
  const experts = trainedExperts(config, models);
  for (const expert of experts) {
    const own = configOf(config, expert), range = rangeOf(expert, boundary);
    for (const frameTokens of frameTokensOf(config, models)) noiseLaw(own.train.timesteps, { frameTokens, range });
    const { sigmas = "auto" } = config.validation ?? {};
    if (sigmas !== "auto") givenSigmas(sigmas, { expert, range });
    if (experts.length > 1 && trainsText(config) && own.optim.name === "schedule-free") throw sharedAverage();
  }
}

/**
 * Refuses patterns and groups that nothing trained is in, and a file to start from that does not fit, by blanks of what is trained.
 * @throws {ConfigError} {WeightsError} as the run would, once everything is encoded
 * @param options.device where a run makes what it trains
 */
export function checkNames(
  config: RunConfig,
  { models, device, dtype }: { models: ModelSource; device: Device; dtype: DType },
): void {
  const named = trainedExperts(config, models)
    .map((expert): [Expert, RunConfig] => [expert, configOf(config, expert)])
    .filter(([, { method, optim }]) => optim.groups.length > 0 || namesMuch(method));
  if (named.length === 0) return;
  const textParams = trainedShapes(config, { models, device });
  for (const [expert, own] of named) checkTrained({ models, expert, config: own, textParams, device, dtype });
}

/** Whether a method names layers, parameters or adapters, rather than taking the usual ones afresh. */
function namesMuch(method: MethodConfig): boolean {
  if (method.kind === "embedding") return false;
  if (method.kind === "full") return method.parameters !== "all";
  const { targets, exclude, layers, textEncoder, init } = method;
  const some = exclude.length + layers.length > 0 || textEncoder !== undefined || init !== undefined;
  return some || typeof targets !== "string";
}

/** Tokens of a latent frame at each of the config's resolutions. */
function frameTokensOf({ data: { resolution } }: RunConfig, { spatialDivisor }: ModelSource): number[] {
  return [resolution].flat().map((size) => {
    const { width, height } = typeof size === "number" ? { width: size, height: size } : size;
    return width * height / spatialDivisor ** 2;
  });
}

function checkWord({ token, init }: Extract<MethodConfig, { kind: "embedding" }>, models: ModelSource): void {
  checkToken(token);
  if (init === undefined) return;
  const { vectors } = readEmbedding(init, { width: models.textEncoderConfig.width });
  vectors[Symbol.dispose]();
}

function refuseMissing(path: string): void {
  if (existsSync(path)) return;
  throw new ConfigError(`Cannot use sample.images: there is no file "${path}".`, { cure: "correct sample.images" });
}

function sharedAverage(): ConfigError {
  return new ConfigError(
    "Cannot train the text side of two experts with schedule-free: each expert's optimizer would have an average of " +
      "its own of one and the same weights.",
    { cure: "take another optimizer, such as prodigy, or set model.experts to one of the two" },
  );
}
