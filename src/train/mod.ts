/** Training: from a config to a LoRA. */
export { train, type TrainOptions, type TrainStatus } from "./loop.ts";
export { resolveDevice, resolveDtype } from "./setup.ts";
