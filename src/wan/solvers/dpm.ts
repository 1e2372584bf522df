/**
 * DPM-Solver++ (2M, midpoint) in the log signal-to-noise ratio λ, with x0-prediction. A grid may start at σ = 1, where λ is
 * −∞: what lies there has no part in the second step. The last step, to λ = ∞, is of order 1. The factors are float64
 * numbers, the tensor maths runs in float32.
 * Source: arXiv:2211.01095, algorithm 2; Wan-Video/Wan2.2 wan/utils/fm_solvers.py, multistep_dpm_solver_second_order_update.
 */
import { noGrad, type Tensor, tidy, unscoped } from "../../torch/mod.ts";
import type { Schedule } from "./schedule.ts";
import { applyFactors, checkStep, type Factors, lambda, predictedData, type Solver } from "./solver.ts";

/**
 * The update from sigmas[i] to sigmas[i + 1].
 * @returns factors of x_i, and of m_i and, for order 2, m_{i−1}
 */
export function dpmFactors(sigmas: readonly number[], options: { i: number; order: number }): Factors {
  const { i, order } = options;
  const [from, to] = [sigmas[i] as number, sigmas[i + 1] as number];
  const h = lambda(to) - lambda(from);
  const weight = -(1 - to) * Math.expm1(-h);
  if (order === 1) return { sample: to / from, data: [weight] };
  const half = 0.5 * h / (lambda(from) - lambda(sigmas[i - 1] as number)); // 0 behind an infinite step
  return { sample: to / from, data: [weight * (1 + half), -weight * half] };
}

export class DpmSolver implements Solver {
  readonly timesteps: readonly number[];
  readonly sigmas: readonly number[];
  readonly #maxOrder: number;
  #index = 0;
  /** Data the model predicted at the step before. */
  #before: Tensor | undefined;

  /** @param options.order 1 or 2; 2 if absent @throws {RangeError} for another order */
  constructor(schedule: Schedule, options: { order?: number } = {}) {
    const { order = 2 } = options;
    if (![1, 2].includes(order)) throw new RangeError(`DPM++ has the orders 1 and 2, not ${order}`);
    this.timesteps = schedule.timesteps;
    this.sigmas = schedule.sigmas;
    this.#maxOrder = order;
  }

  step(sample: Tensor, velocity: Tensor): Tensor {
    checkStep(this.#index, this);
    const i = this.#index++;
    return noGrad(() => {
      const data = unscoped(() => tidy(() => predictedData(sample, { velocity, sigma: this.sigmas[i] as number })));
      const order = Math.min(this.#maxOrder, this.timesteps.length - i, i + 1);
      const known = this.#before === undefined ? [data] : [data, this.#before];
      const next = tidy(() => applyFactors(dpmFactors(this.sigmas, { i, order }), { sample, data: known }));
      this.#before?.[Symbol.dispose]();
      this.#before = data;
      return next;
    });
  }

  reset(): void {
    this.#index = 0;
    this.#before?.[Symbol.dispose]();
    this.#before = undefined;
  }

  [Symbol.dispose](): void {
    this.reset();
  }
}
