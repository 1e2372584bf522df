/** Solvers of the flow equation and the sigmas they stop at. */
import { EulerSolver } from "./euler.ts";
import { makeSchedule, type SigmaConvention } from "./schedule.ts";
import type { Solver } from "./solver.ts";
import { UniPcSolver } from "./unipc.ts";

export { makeSchedule, type Schedule, type SigmaConvention } from "./schedule.ts";
export type { Solver } from "./solver.ts";

/** Solvers by the name that the config uses. */
export type SolverKind = "unipc" | "euler";

/**
 * Makes a solver.
 * @param options.steps how often the model is asked
 * @param options.shift of the noise schedule
 * @param options.convention whose sigmas; those of the diffusers class of this solver unless said otherwise
 * @throws {RangeError} if steps or shift are out of their range
 */
export function createSolver(
  options: { kind: SolverKind; steps: number; shift: number; convention?: SigmaConvention },
): Solver {
  const { kind, steps, shift } = options;
  const schedule = makeSchedule({ steps, shift, convention: options.convention ?? `diffusers-${kind}` });
  return kind === "euler" ? new EulerSolver(schedule) : new UniPcSolver(schedule);
}
