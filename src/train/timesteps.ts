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

/** Noise levels from the first to below the second; a range that ends at 1 includes it. */
export type SigmaRange = readonly [low: number, high: number];

/**
 * A noise level. Those outside the range are drawn again, so that inside it the law is as it was.
 * - `uniform`: S(u), u uniform in [0, 1)
 * - `logit-normal`: S(sigmoid(mean + std · n)), n standard normal
 *
 * with S(u) = shift · u / (1 + (shift − 1) · u).
 * @returns sigma in [0, 1]; the transformer's timestep is 1000 · sigma
 */
export function drawSigma(law: TimestepsConfig, draw: Draw, [low, high]: SigmaRange = [0, 1]): number {
  const numbers = random(seedFor(draw.seed, "timestep", draw.microStep, draw.index));
  for (;;) {
    const u = law.law === "uniform"
      ? timestepFrom(numbers.next(), { kind: "none" })
      : timestepFrom(numbers.normal(), { kind: "logit-normal", mean: law.logitMean, std: law.logitStd });
    const sigma = shiftSigma(u, law.shift);
    if (sigma >= low && (sigma < high || high === 1)) return sigma;
  }
}
