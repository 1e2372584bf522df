/** Training: from a config to a LoRA. */
export { cacheClips } from "./cache_clips.ts";
export { type Change, configChanges } from "./changes.ts";
export { type EncodedClip, FIXED_SIGMAS, type FixedLoss, fixedNoiseLoss } from "./fixed_loss.ts";
export { train, type TrainObserver, type TrainOptions, type TrainStatus } from "./loop.ts";
export { imageSize, readImage } from "./pictures.ts";
export { type MadeSample, type SampledVideo, toPixels } from "./sample.ts";
export { dataGeometry, modelEvent, openModels, resolveDevice, resolveDtype, type Session } from "./setup.ts";
export type { ClipBatch } from "./batch.ts";
export { configOf, trainedExperts } from "./experts.ts";
export { settleSteps } from "./length.ts";
export { type Forecast, forecastRun, tokensOf, type Workload } from "./memory/forecast.ts";
export { PlanInForce, planText } from "./memory/in_force.ts";
export { makeOptimizer } from "./optimizer.ts";
export { batchShape } from "./memory/session_plan.ts";
export { peakFlops } from "./peak.ts";
export { trainStep } from "./step.ts";
export { freshTrained } from "./trained.ts";
export type { Trainee } from "./trainee.ts";
