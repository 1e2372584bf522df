/** At which sigmas a solver stops, and which timestep the model is told there. */
import { NUM_TRAIN_TIMESTEPS, shiftSigma } from "../flow.ts";

/** Solvers by the name that the config uses. */
export type SolverKind = "unipc" | "euler" | "dpm++";

/** Whose grid of sigmas it is: of the WAN release, or of the class in diffusers; both differ from solver to solver. */
export type Convention = "official" | "diffusers";

/** The stops of a solver. */
export interface Schedule {
  /** What the model is told at each step, in [0, 1000]. */
  readonly timesteps: readonly number[];
  /** One more than steps; the last one is 0. Numbers that float32 can hold. */
  readonly sigmas: readonly number[];
}

/** Smallest sigma of the training grid. */
const SIGMA_MIN = 1 / NUM_TRAIN_TIMESTEPS;

/** UniPC cannot start from 1, where λ is infinite. Source: diffusers scheduling_unipc_multistep.py, set_timesteps */
const BELOW_ONE = 1e-6;

/** Sigma of step i before the shift. */
type Grid = (i: number, options: { steps: number; shift: number }) => number;

/** numpy.linspace(start, end, steps + 1)[i], rounded as there: truncated timesteps hang on the last bit. */
function linspace(start: number, end: number, { i, steps }: { i: number; steps: number }): number {
  return i === steps ? end : i * ((end - start) / steps) + start;
}

/** From 0.999, which the release keeps in float32, towards 0. */
const officialUniPc: Grid = (i, { steps }) => linspace(Math.fround(1 - SIGMA_MIN), 0, { i, steps });

/** From 1 towards 0. */
const fromOne: Grid = (i, { steps }) => linspace(1, 0, { i, steps });

/** From 1 towards 0.001. */
const fromOneToMin: Grid = (i, { steps }) => linspace(1, SIGMA_MIN, { i, steps });

/** From 0.999 towards 0, counted from the other end. */
const diffusersDpm: Grid = (i, { steps }) => 1 - linspace(1, SIGMA_MIN, { i: steps - i, steps });

/** From 1 to the shifted 0.001, both reached. */
const betweenShifted: Grid = (i, { steps, shift }) =>
  steps === 1 ? 1 : 1 - (1 - shiftSigma(SIGMA_MIN, shift)) * i / (steps - 1);

/**
 * The release has no Euler solver: it gets the grid of its DPM++.
 * Source: Wan-Video/Wan2.2 wan/utils/fm_solvers{,_unipc}.py; diffusers scheduling_unipc_multistep.py,
 * scheduling_dpmsolver_multistep.py, scheduling_flow_match_euler_discrete.py, set_timesteps
 */
const GRIDS: Record<Convention, Record<SolverKind, Grid>> = {
  official: { "unipc": officialUniPc, "dpm++": fromOne, "euler": fromOne },
  diffusers: { "unipc": fromOneToMin, "dpm++": diffusersDpm, "euler": betweenShifted },
};

/**
 * The stops for a number of steps. Timesteps are truncated to whole numbers, apart from those of diffusers' Euler.
 * @param options.steps at least 1
 * @param options.shift of the noise schedule, above 0; applied once
 * @throws {RangeError} if either is out of its range
 */
export function makeSchedule(
  options: { kind: SolverKind; steps: number; shift: number; convention: Convention },
): Schedule {
  const { kind, steps, shift, convention } = options;
  if (!Number.isInteger(steps) || steps < 1) {
    throw new RangeError(`the number of steps must be 1 or more, not ${steps}`);
  }
  if (!(shift > 0 && shift < Infinity)) throw new RangeError(`the shift must be above 0, not ${shift}`);
  const grid = GRIDS[convention][kind];
  const sigmas = Array.from({ length: steps }, (_, i) => shiftSigma(grid(i, { steps, shift }), shift));
  if (kind === "unipc" && 1 - (sigmas[0] as number) < BELOW_ONE) sigmas[0] = 1 - BELOW_ONE;
  const exact = sigmas.map((sigma) => sigma * NUM_TRAIN_TIMESTEPS);
  const timesteps = kind === "euler" && convention === "diffusers" ? exact : exact.map(Math.trunc);
  // The references keep sigmas in float32. That is felt next to 1: the λ of a sigma 1e-6 below it moves by 0.05, and
  // UniPC in 4 steps by 7e-6 (measured).
  return { timesteps, sigmas: [...sigmas.map(Math.fround), 0] };
}
