/** What all solvers of the flow equation have in common. */
import type { Tensor } from "../../torch/mod.ts";
import type { Schedule } from "./schedule.ts";

/**
 * Walks a sample from noise to data. One `step` for each of `timesteps`, in order: the model is evaluated at
 * `timesteps[i]` on the sample that the step before returned. Owns what it remembers until it is disposed of.
 */
export interface Solver extends Schedule, Disposable {
  /**
   * @param sample what the model saw, any shape
   * @param velocity what the model said, like the sample
   * @returns the next sample, float32
   * @throws {RangeError} after the last step
   */
  step(sample: Tensor, velocity: Tensor): Tensor;
  /** Forgets everything and begins at the first step. */
  reset(): void;
}

/** Factors of the sample and of predicted data, newest first, in an update to another sigma. */
export interface Factors {
  readonly sample: number;
  readonly data: readonly number[];
}

/** The index of a step that is about to be taken. @throws {RangeError} if there is none left */
export function checkStep(index: number, schedule: Schedule): void {
  const steps = schedule.timesteps.length;
  if (index >= steps) throw new RangeError(`the solver has taken all of its ${steps} steps`);
}

/** The logarithm of the signal-to-noise ratio, λ = ln((1 − σ)/σ): −∞ at 1, ∞ at 0. */
export function lambda(sigma: number): number {
  return Math.log((1 - sigma) / sigma);
}

/** Σ factor · tensor in float32, in the order given; terms with factor 0 are left out, whatever they hold. */
export function combine(terms: readonly (readonly [factor: number, x: Tensor])[]): Tensor {
  const [first, ...rest] = terms.filter(([factor]) => factor !== 0);
  if (first === undefined) throw new RangeError("a combination needs a term");
  const sum = first[1].float().mul(first[0]);
  for (const [factor, x] of rest) sum.add_(x, factor);
  return sum;
}

/** What the model believes the clean sample to be: x − σ·v, float32. */
export function predictedData(sample: Tensor, options: { velocity: Tensor; sigma: number }): Tensor {
  return combine([[1, sample], [-options.sigma, options.velocity]]);
}

/** An update by its factors. @param x.data newest first, at least as many as there are factors */
export function applyFactors(factors: Factors, x: { sample: Tensor; data: readonly Tensor[] }): Tensor {
  return combine([
    [factors.sample, x.sample],
    ...factors.data.map((factor, k) => [factor, x.data[k] as Tensor] as const),
  ]);
}
