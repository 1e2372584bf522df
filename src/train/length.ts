/** How long a run is, once its data is known. */
import type { RunConfig, SettledConfig } from "../config/mod.ts";
import type { Emit } from "../events/mod.ts";

/** The config with the steps that its `train.steps` and `train.epochs` come to; the shorter where both are given. */
export function settleSteps(config: RunConfig, { batchesPerEpoch }: { batchesPerEpoch: number }): SettledConfig {
  const { train } = config;
  const { steps = Infinity, epochs = Infinity, gradientAccumulation } = train;
  const length = Math.min(steps, Math.ceil(epochs * batchesPerEpoch / gradientAccumulation));
  return { ...config, train: { ...train, steps: length } };
}

/** Says that a run ends while its learning rate still rises. */
export function warnOfWarmUp({ optim, train }: Pick<SettledConfig, "optim" | "train">, emit: Emit): void {
  const { warmupSteps } = optim, { steps } = train;
  if (optim.name === "adafactor" && optim.relativeStep) return; // goes by no schedule
  if (warmupSteps <= 1 || warmupSteps < steps) return;
  emit({
    type: "warning",
    message: `the run ends before its learning rate is at its height: that rises over ${warmupSteps} steps, and the ` +
      `run takes ${steps}`,
    cure: `set optim.warmupSteps to ${Math.floor(steps / 10)}, or train longer`,
  });
}
