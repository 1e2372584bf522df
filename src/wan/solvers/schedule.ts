/** At which sigmas a solver stops, and which timestep the model is told there. */
import { NUM_TRAIN_TIMESTEPS, shiftSigma } from "../flow.ts";

/**
 * Whose grid of sigmas it is.
 * - `diffusers-unipc`: from 1 (lowered by 1e-6, as λ is infinite there) by equal steps of 0.999 / N; timesteps truncated
 * - `diffusers-euler`: from 1 to the shifted 0.001 by equal steps, shifted again; timesteps are fractions
 * - `official`: the WAN release's UniPC, from 0.999 by equal steps towards 0; timesteps truncated
 */
export type SigmaConvention = "diffusers-unipc" | "diffusers-euler" | "official";

/** The stops of a solver. */
export interface Schedule {
  /** What the model is told at each step, in [0, 1000]. */
  readonly timesteps: readonly number[];
  /** One more than steps; the last one is 0. Numbers that float32 can hold. */
  readonly sigmas: readonly number[];
}

/** Smallest sigma of the training grid. */
const SIGMA_MIN = 1 / NUM_TRAIN_TIMESTEPS;

/**
 * The stops for a number of steps.
 * @param options.steps at least 1
 * @param options.shift of the noise schedule, above 0; applied once
 * @throws {RangeError} if either is out of its range
 */
export function makeSchedule(
  options: { steps: number; shift: number; convention: SigmaConvention },
): Schedule {
  const { steps, shift, convention } = options;
  if (!Number.isInteger(steps) || steps < 1) {
    throw new RangeError(`the number of steps must be 1 or more, not ${steps}`);
  }
  if (!(shift > 0 && shift < Infinity)) throw new RangeError(`the shift must be above 0, not ${shift}`);
  const sigmas = Array.from({ length: steps }, (_, i) => shiftSigma(GRIDS[convention](i, { steps, shift }), shift));
  if (convention === "diffusers-unipc" && 1 - (sigmas[0] as number) < 1e-6) sigmas[0] = 1 - 1e-6;
  const exact = sigmas.map((sigma) => sigma * NUM_TRAIN_TIMESTEPS);
  const timesteps = convention === "diffusers-euler" ? exact : exact.map(Math.trunc);
  // The references keep sigmas in float32. That is felt next to 1: the λ of a sigma 1e-6 below it moves by 0.05, and
  // UniPC in 4 steps by 7e-6 (measured).
  return { timesteps, sigmas: [...sigmas.map(Math.fround), 0] };
}

/** Sigma of step i before the shift. */
const GRIDS: Record<SigmaConvention, (i: number, options: { steps: number; shift: number }) => number> = {
  "diffusers-unipc": (i, { steps }) => 1 - (1 - SIGMA_MIN) * i / steps,
  "diffusers-euler": (i, { steps, shift }) =>
    steps === 1 ? 1 : 1 - (1 - shiftSigma(SIGMA_MIN, shift)) * i / (steps - 1),
  "official": (i, { steps }) => (1 - SIGMA_MIN) * (1 - i / steps),
};
