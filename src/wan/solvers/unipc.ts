/**
 * UniPC: a predictor-corrector of order 2 in the log signal-to-noise ratio λ = ln((1 − σ)/σ), with x0-prediction and the
 * "bh2" weights. Each step first corrects the sample it was given by the model's new prediction, then predicts the next.
 * Warm-up and the last step are of order 1. The factors are float64 numbers, the tensor maths runs in float32.
 * Source: arXiv:2302.04867; diffusers scheduling_unipc_multistep.py, multistep_uni_{c,p}_bh_update.
 */
import { noGrad, type Tensor, tidy, unscoped } from "../../torch/mod.ts";
import type { Schedule } from "./schedule.ts";
import { checkStep, combine, type Solver } from "./solver.ts";

/** λ of a sigma; infinite at 0. */
function lambda(sigma: number): number {
  return Math.log((1 - sigma) / sigma);
}

/** Factors of the sample and of predicted data, newest first, in an update to another sigma. */
interface Factors {
  readonly sample: number;
  readonly data: readonly number[];
}

/**
 * The predictor's update from sigmas[i] to sigmas[i + 1].
 * @returns factors of x_i, and of m_i and, for order 2, m_{i−1}
 */
export function predictorFactors(sigmas: readonly number[], options: { i: number; order: number }): Factors {
  const { i, order } = options;
  const [before, here, next] = [sigmas[i - 1] ?? 1, sigmas[i] as number, sigmas[i + 1] as number];
  const h = lambda(next) - lambda(here);
  const weight = (1 - next) * Math.expm1(-h);
  if (order === 1) return { sample: next / here, data: [-weight] };
  const r = (lambda(before) - lambda(here)) / h;
  // −weight·(m_i + ½·(m_{i−1} − m_i)/r)
  return { sample: next / here, data: [-weight * (1 - 0.5 / r), -weight * 0.5 / r] };
}

/**
 * The corrector's second try at the update from sigmas[i − 1] to sigmas[i], now that the data predicted at i is known.
 * @returns factors of the corrected x_{i−1}, and of m_i, m_{i−1} and, for order 2, m_{i−2}
 */
export function correctorFactors(sigmas: readonly number[], options: { i: number; order: number }): Factors {
  const { i, order } = options;
  const [before, last, here] = [sigmas[i - 2] ?? 1, sigmas[i - 1] as number, sigmas[i] as number];
  const h = lambda(here) - lambda(last);
  const phi = Math.expm1(-h);
  const weight = (1 - here) * phi;
  if (order === 1) return { sample: here / last, data: [-weight * 0.5, -weight * 0.5] };
  const r = (lambda(before) - lambda(last)) / h;
  const g = -phi / h - 1;
  const b1 = g / phi;
  const b2 = 2 * (-g / h - 0.5) / phi;
  const rho1 = (b1 - b2) / (1 - r);
  const rho2 = b1 - rho1;
  // −weight·(m_{i−1} + ρ1·(m_{i−2} − m_{i−1})/r + ρ2·(m_i − m_{i−1}))
  return { sample: here / last, data: [-weight * rho2, -weight * (1 - rho1 / r - rho2), -weight * rho1 / r] };
}

export class UniPcSolver implements Solver {
  readonly timesteps: readonly number[];
  readonly sigmas: readonly number[];
  #index = 0;
  /** Order of the predictor that made the sample which the model sees now. */
  #order = 1;
  /** The corrected sample that this predictor started from. */
  #start: Tensor | undefined;
  /** Data the model predicted at the last steps, newest first. */
  #data: Tensor[] = [];

  constructor(schedule: Schedule) {
    this.timesteps = schedule.timesteps;
    this.sigmas = schedule.sigmas;
  }

  step(sample: Tensor, velocity: Tensor): Tensor {
    checkStep(this.#index, this);
    const i = this.#index++;
    return noGrad(() => {
      const data = unscoped(() => tidy(() => combine([[1, sample], [-(this.sigmas[i] as number), velocity]])));
      const start = unscoped(() => tidy(() => this.#correct(i, { sample, data })));
      this.#remember({ start, data });
      this.#order = Math.min(2, this.timesteps.length - i, i + 1);
      const factors = predictorFactors(this.sigmas, { i, order: this.#order });
      return tidy(() => this.#apply(factors, { sample: start, data: this.#data }));
    });
  }

  reset(): void {
    this.#index = 0;
    this.#start?.[Symbol.dispose]();
    this.#start = undefined;
    for (const data of this.#data.splice(0)) data[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.reset();
  }

  #correct(i: number, now: { sample: Tensor; data: Tensor }): Tensor {
    if (this.#start === undefined) return now.sample.to({ dtype: "float32", copy: true });
    const factors = correctorFactors(this.sigmas, { i, order: this.#order });
    return this.#apply(factors, { sample: this.#start, data: [now.data, ...this.#data] });
  }

  #apply(factors: Factors, x: { sample: Tensor; data: readonly Tensor[] }): Tensor {
    return combine([
      [factors.sample, x.sample],
      ...factors.data.map((factor, k) => [factor, x.data[k] as Tensor] as const),
    ]);
  }

  #remember(step: { start: Tensor; data: Tensor }): void {
    this.#start?.[Symbol.dispose]();
    this.#start = step.start;
    this.#data.unshift(step.data);
    for (const old of this.#data.splice(2)) old[Symbol.dispose]();
  }
}
