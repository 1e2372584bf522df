/** Solvers of the flow equation and the sigmas they stop at. */
import { DpmSolver } from "./dpm.ts";
import { EulerSolver } from "./euler.ts";
import { type Convention, makeSchedule, type SolverKind } from "./schedule.ts";
import type { Solver } from "./solver.ts";
import { type UniPcOptions, UniPcSolver, type UniPcVariant } from "./unipc.ts";

export { type Convention, makeSchedule, type Schedule, type SolverKind } from "./schedule.ts";
export type { Solver } from "./solver.ts";
export type { UniPcVariant } from "./unipc.ts";

/** Which solver, and where it stops. `order` is that of UniPC (1 to 3) or DPM++ (1 or 2), the rest UniPC's alone. */
export interface SolverOptions extends UniPcOptions {
  readonly kind: SolverKind;
  /** How often the model is asked. */
  readonly steps: number;
  /** Of the noise schedule. */
  readonly shift: number;
  /** Whose sigmas; diffusers' if absent. */
  readonly convention?: Convention;
}

/** What users say of a solver, in diffusers' words. */
export interface SolverChoice {
  readonly solver: SolverKind;
  readonly solverOrder?: number;
  readonly solverType?: UniPcVariant;
  readonly corrector?: boolean;
  readonly sigmas?: Convention;
}

/** A user's choice as options. */
export function solverOf(choice: SolverChoice): Omit<SolverOptions, "steps" | "shift"> {
  const { solver, solverOrder, solverType, corrector, sigmas } = choice;
  return {
    kind: solver,
    ...(solverOrder === undefined ? {} : { order: solverOrder }),
    ...(solverType === undefined ? {} : { variant: solverType }),
    ...(corrector === undefined ? {} : { corrector }),
    ...(sigmas === undefined ? {} : { convention: sigmas }),
  };
}

/**
 * Makes a solver.
 * @throws {RangeError} if steps, shift or order are out of their range
 */
export function createSolver(options: SolverOptions): Solver {
  const { kind, steps, shift, convention = "diffusers" } = options;
  const schedule = makeSchedule({ kind, steps, shift, convention });
  switch (kind) {
    case "unipc":
      return new UniPcSolver(schedule, options);
    case "dpm++":
      return new DpmSolver(schedule, options);
    case "euler":
      return new EulerSolver(schedule);
  }
}
