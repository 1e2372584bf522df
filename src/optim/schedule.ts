/** Learning rate over steps. Source: huggingface/diffusers optimization.py */

/** The shapes a learning rate can take. All but `constant` rise linearly from 0 over the warm-up. */
export type ScheduleKind =
  | "constant"
  | "constant_with_warmup"
  | "linear"
  | "cosine"
  | "cosine_with_restarts"
  | "polynomial";

export interface ScheduleOptions {
  readonly kind: ScheduleKind;
  readonly learningRate: number;
  readonly warmupSteps: number;
  /** Steps of the whole run; where the falling shapes reach their end. */
  readonly totalSteps: number;
  /** Cosines with restarts: how many. */
  readonly numCycles?: number;
  /** Polynomial: its power. */
  readonly power?: number;
}

/** The end of a polynomial schedule. Source: get_polynomial_decay_schedule_with_warmup, lr_end */
const POLYNOMIAL_END = 1e-7;

/** The learning rate of optimizer step `step`, counted from 0. Float64. */
export function learningRateAt(step: number, options: ScheduleOptions): number {
  const { kind, learningRate, warmupSteps, totalSteps } = options;
  if (kind === "constant") return learningRate;
  if (step < warmupSteps) return learningRate * step / Math.max(1, warmupSteps);
  const progress = (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps);
  switch (kind) {
    case "constant_with_warmup":
      return learningRate;
    case "linear":
      return learningRate * Math.max(0, 1 - progress);
    case "cosine":
      return learningRate * Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
    case "cosine_with_restarts": {
      if (progress >= 1) return 0;
      const cycle = ((options.numCycles ?? 1) * progress) % 1;
      return learningRate * Math.max(0, 0.5 * (1 + Math.cos(Math.PI * cycle)));
    }
    case "polynomial": {
      if (step > totalSteps) return POLYNOMIAL_END;
      const left = Math.pow(1 - progress, options.power ?? 1);
      return (learningRate - POLYNOMIAL_END) * left + POLYNOMIAL_END;
    }
  }
}
