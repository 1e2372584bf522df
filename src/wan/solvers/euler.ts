/** Euler's method: x ← x + (σ' − σ)·v. Source: diffusers scheduling_flow_match_euler_discrete.py, step. */
import { noGrad, type Tensor, tidy } from "../../torch/mod.ts";
import type { Schedule } from "./schedule.ts";
import { checkStep, combine, type Solver } from "./solver.ts";

export class EulerSolver implements Solver {
  readonly timesteps: readonly number[];
  readonly sigmas: readonly number[];
  #index = 0;

  constructor(schedule: Schedule) {
    this.timesteps = schedule.timesteps;
    this.sigmas = schedule.sigmas;
  }

  step(sample: Tensor, velocity: Tensor): Tensor {
    checkStep(this.#index, this);
    const i = this.#index++;
    const width = (this.sigmas[i + 1] as number) - (this.sigmas[i] as number);
    return noGrad(() => tidy(() => combine([[1, sample], [width, velocity]])));
  }

  reset(): void {
    this.#index = 0;
  }

  [Symbol.dispose](): void {}
}
