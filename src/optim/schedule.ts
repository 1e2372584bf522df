/** Learning rate over steps. Source: huggingface/diffusers optimization.py */

/**
 * The shapes a learning rate can take. All but `constant` rise linearly from 0 over the warm-up.
 * `rex`: arXiv:2107.04197, equation 1; `inverse_sqrt`: transformers optimization.py, get_inverse_sqrt_schedule.
 */
export type ScheduleKind =
  | "constant"
  | "constant_with_warmup"
  | "linear"
  | "cosine"
  | "cosine_with_restarts"
  | "polynomial"
  | "rex"
  | "inverse_sqrt";

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
  /** Share of the learning rate at which the falling shapes end. Default 0. */
  readonly minRate?: number;
}

/** The end of a polynomial schedule. Source: get_polynomial_decay_schedule_with_warmup, lr_end */
const POLYNOMIAL_END = 1e-7;

/** Steps after which an inverse root without a warm-up has fallen to 1/√2. Source: get_inverse_sqrt_schedule, timescale */
const INVERSE_SQRT_TIMESCALE = 10_000;

/** The learning rate of optimizer step `step`, counted from 0. Float64. */
export function learningRateAt(step: number, options: ScheduleOptions): number {
  const { kind, learningRate, warmupSteps, minRate = 0 } = options;
  if (kind === "constant") return learningRate;
  if (step < warmupSteps) return learningRate * step / Math.max(1, warmupSteps);
  return learningRate * (minRate + (1 - minRate) * shapeAt(step, options));
}

/** What is left of the full rate after the warm-up, from 1 to 0. */
function shapeAt(step: number, options: ScheduleOptions): number {
  const { kind, learningRate, warmupSteps, totalSteps } = options;
  const progress = (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps);
  const left = Math.max(0, 1 - progress);
  switch (kind) {
    case "constant":
    case "constant_with_warmup":
      return 1;
    case "linear":
      return left;
    case "cosine":
      return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
    case "cosine_with_restarts": {
      if (progress >= 1) return 0;
      const cycle = ((options.numCycles ?? 1) * progress) % 1;
      return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * cycle)));
    }
    case "polynomial": {
      const end = POLYNOMIAL_END / learningRate;
      return (1 - end) * Math.pow(left, options.power ?? 1) + end;
    }
    case "rex":
      return left / (0.5 + 0.5 * left);
    case "inverse_sqrt": {
      const timescale = warmupSteps === 0 ? INVERSE_SQRT_TIMESCALE : warmupSteps;
      return 1 / Math.sqrt((step + timescale - warmupSteps) / timescale);
    }
  }
}
