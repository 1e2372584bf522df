/**
 * UniPC: a predictor-corrector in the log signal-to-noise ratio λ, with x0-prediction. Each step first corrects the sample
 * it was given by the model's new prediction, then predicts the next. Orders fall at both ends: there is no history at the
 * start, and at the end λ is infinite, so the last step is of order 1 and the one before of 2 at most. The factors are
 * float64 numbers, the tensor maths runs in float32.
 * Source: arXiv:2302.04867; diffusers scheduling_unipc_multistep.py, multistep_uni_{p,c}_bh_update.
 */
import { noGrad, type Tensor, tidy, unscoped } from "../../torch/mod.ts";
import type { Schedule } from "./schedule.ts";
import { applyFactors, checkStep, type Factors, lambda, predictedData, type Solver } from "./solver.ts";

/** The paper's choices of B(h): −h, or expm1(−h) with x0-prediction. */
export type UniPcVariant = "bh1" | "bh2";

/** What UniPC can be told beside its stops. */
export interface UniPcOptions {
  /** 1 to 3; 2 if absent, as WAN is published with. */
  readonly order?: number;
  /** `bh2` if absent. */
  readonly variant?: UniPcVariant;
  /** Whether samples are corrected; true if absent. */
  readonly corrector?: boolean;
}

/** An update to a later sigma from where the newest known data is. */
interface Update {
  /** Sigma of that data, and where to go. */
  readonly from: number;
  readonly to: number;
  /** Sigmas of older data, newest first. */
  readonly older: readonly number[];
  /** Whether data at `to` is known too: the corrector's case. */
  readonly arrived: boolean;
  readonly variant: UniPcVariant;
}

/**
 * The update (to/from)·x − (1 − to)·(φ·m + B·Σ ρ·(m' − m)/r) by its factors: m is the data at `from`, m' other data and r
 * its distance in λ as a share of the step.
 * @returns factors of x, and of the data at `to` if known, at `from`, and of older data
 */
function update({ from, to, older, arrived, variant }: Update): Factors {
  const h = lambda(to) - lambda(from);
  const phi = Math.expm1(-h);
  const scale = (1 - to) * (variant === "bh1" ? -h : phi);
  const points = older.map((sigma) => (lambda(sigma) - lambda(from)) / h);
  if (arrived) points.push(1);
  if (points.length === 0) return { sample: to / from, data: [-(1 - to) * phi] };
  const weights = solveWeights(points, { h, variant }).map((weight, j) => weight / (points[j] as number));
  const newest = scale * weights.reduce((sum, weight) => sum + weight, 0) - (1 - to) * phi;
  const others = weights.map((weight) => -scale * weight);
  const ahead = arrived ? [others.pop() as number] : [];
  return { sample: to / from, data: [...ahead, newest, ...others] };
}

/** ρ with Σ ρ_j · r_j^(k−1) = b_k; for a single point its limit ½ at small steps, as the reference has it. */
function solveWeights(points: readonly number[], options: { h: number; variant: UniPcVariant }): number[] {
  if (points.length === 1) return [0.5];
  const step = -options.h;
  const scale = options.variant === "bh1" ? step : Math.expm1(step);
  let phi = Math.expm1(step) / step - 1;
  let factorial = 1;
  const rows = points.map((_, k) => {
    const row = [...points.map((point) => point ** k), phi * factorial / scale];
    factorial *= k + 2;
    phi = phi / step - 1 / factorial;
    return row;
  });
  return solve(rows);
}

/** Solves linear equations, given as rows of coefficients and the right side, by elimination with row pivoting. */
function solve(rows: number[][]): number[] {
  const at = (i: number, j: number): number => rows[i]?.[j] ?? NaN;
  const n = rows.length;
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let i = column + 1; i < n; i++) if (Math.abs(at(i, column)) > Math.abs(at(pivot, column))) pivot = i;
    [rows[column], rows[pivot]] = [rows[pivot] as number[], rows[column] as number[]];
    for (let i = 0; i < n; i++) {
      if (i === column) continue;
      const factor = at(i, column) / at(column, column);
      rows[i] = (rows[i] as number[]).map((value, j) => value - factor * at(column, j));
    }
  }
  return rows.map((_, i) => at(i, n) / at(i, i));
}

/**
 * The predictor's update from sigmas[i] to sigmas[i + 1].
 * @returns factors of x_i, and of m_i, m_{i−1}, … as many as the order says
 */
export function predictorFactors(
  sigmas: readonly number[],
  options: { i: number; order: number; variant: UniPcVariant },
): Factors {
  const { i, order, variant } = options;
  const [from, to] = [sigmas[i] as number, sigmas[i + 1] as number];
  return update({ from, to, older: sigmas.slice(i - order + 1, i).reverse(), arrived: false, variant });
}

/**
 * The corrector's second try at the update from sigmas[i − 1] to sigmas[i], now that the data predicted at i is known.
 * @param options.order of the predictor whose update is corrected
 * @returns factors of the corrected x_{i−1}, and of m_i, m_{i−1}, … one more than the order says
 */
export function correctorFactors(
  sigmas: readonly number[],
  options: { i: number; order: number; variant: UniPcVariant },
): Factors {
  const { i, order, variant } = options;
  const [from, to] = [sigmas[i - 1] as number, sigmas[i] as number];
  return update({ from, to, older: sigmas.slice(i - order, i - 1).reverse(), arrived: true, variant });
}

export class UniPcSolver implements Solver {
  readonly timesteps: readonly number[];
  readonly sigmas: readonly number[];
  readonly #maxOrder: number;
  readonly #variant: UniPcVariant;
  readonly #corrects: boolean;
  #index = 0;
  /** Order of the predictor that made the sample which the model sees now. */
  #order = 1;
  /** The corrected sample that this predictor started from. */
  #start: Tensor | undefined;
  /** Data the model predicted at the last steps, newest first. */
  #data: Tensor[] = [];

  /** @throws {RangeError} for an order that there is none of */
  constructor(schedule: Schedule, options: UniPcOptions = {}) {
    const { order = 2, variant = "bh2", corrector = true } = options;
    if (![1, 2, 3].includes(order)) throw new RangeError(`UniPC has the orders 1, 2 and 3, not ${order}`);
    this.timesteps = schedule.timesteps;
    this.sigmas = schedule.sigmas;
    this.#maxOrder = order;
    this.#variant = variant;
    this.#corrects = corrector;
  }

  step(sample: Tensor, velocity: Tensor): Tensor {
    checkStep(this.#index, this);
    const i = this.#index++;
    return noGrad(() => {
      const data = unscoped(() => tidy(() => predictedData(sample, { velocity, sigma: this.sigmas[i] as number })));
      const start = unscoped(() => tidy(() => this.#correct(i, { sample, data })));
      this.#remember({ start, data });
      this.#order = Math.min(this.#maxOrder, this.timesteps.length - i, i + 1);
      const factors = predictorFactors(this.sigmas, { i, order: this.#order, variant: this.#variant });
      return tidy(() => applyFactors(factors, { sample: start, data: this.#data }));
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
    if (this.#start === undefined || !this.#corrects) return now.sample.to({ dtype: "float32", copy: true });
    const factors = correctorFactors(this.sigmas, { i, order: this.#order, variant: this.#variant });
    return applyFactors(factors, { sample: this.#start, data: [now.data, ...this.#data] });
  }

  #remember(step: { start: Tensor; data: Tensor }): void {
    this.#start?.[Symbol.dispose]();
    this.#start = step.start;
    this.#data.unshift(step.data);
    for (const old of this.#data.splice(this.#maxOrder)) old[Symbol.dispose]();
  }
}
