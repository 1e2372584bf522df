/** How long a run is, once its data is known. */
import type { RunConfig, SettledConfig } from "../config/mod.ts";

/** The config with the steps that its `train.steps` and `train.epochs` come to; the shorter where both are given. */
export function settleSteps(config: RunConfig, { batchesPerEpoch }: { batchesPerEpoch: number }): SettledConfig {
  const { train } = config;
  const { steps = Infinity, epochs = Infinity, gradientAccumulation } = train;
  const length = Math.min(steps, Math.ceil(epochs * batchesPerEpoch / gradientAccumulation));
  return { ...config, train: { ...train, steps: length } };
}
