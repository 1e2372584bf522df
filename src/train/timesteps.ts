/** Which noise level each sample of a step is trained at. Float64 on the host; no state between draws. */
import { random, seedFor } from "../base/mod.ts";
import type { TimestepsConfig } from "../config/mod.ts";
import { shiftSigma, timestepFrom } from "../wan/mod.ts";

/** Names one draw: the run's seed, the micro-step counted over the whole run, and the sample's place in the batch. */
export interface Draw {
  readonly seed: number;
  readonly microStep: number;
  readonly index: number;
}

/**
 * A noise level.
 * - `uniform`: S(u), u uniform in [0, 1)
 * - `logit-normal`: S(sigmoid(mean + std · n)), n standard normal
 *
 * with S(u) = shift · u / (1 + (shift − 1) · u).
 * @returns sigma in [0, 1]; the transformer's timestep is 1000 · sigma
 */
export function drawSigma(law: TimestepsConfig, draw: Draw): number {
  const numbers = random(seedFor(draw.seed, "timestep", draw.microStep, draw.index));
  const u = law.law === "uniform"
    ? timestepFrom(numbers.next(), { kind: "none" })
    : timestepFrom(numbers.normal(), { kind: "logit-normal", mean: law.logitMean, std: law.logitStd });
  return shiftSigma(u, law.shift);
}
