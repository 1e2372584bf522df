/** An exponential moving average of weights, which often make better samples than the weights. Source: diffusers EMAModel. */
import { noGrad, type Tensor, tidy, unscoped, zeros } from "../torch/mod.ts";
import type { WeightAverage } from "./optimizer.ts";

/** How fast an average follows. */
export interface EmaOptions {
  /** Largest share of the average that stays at an update. */
  readonly decay: number;
  /** Smallest share, once averaging has begun. Default 0. */
  readonly minDecay?: number;
  /** Up to this update the average is the weights themselves. Default 0. */
  readonly updateAfterStep?: number;
  /** Rises by 1 − (1 + n/invGamma)^(−power); without, by (1 + n)/(10 + n). */
  readonly warmup?: { readonly invGamma: number; readonly power: number };
}

/** The share of the average that stays at an update, counted from 1. Float64. */
export function emaDecayAt(update: number, options: EmaOptions): number {
  const { decay, minDecay = 0, updateAfterStep = 0, warmup } = options;
  const n = update - updateAfterStep - 1;
  if (n <= 0) return 0;
  const rising = warmup === undefined ? (1 + n) / (10 + n) : 1 - (1 + n / warmup.invGamma) ** -warmup.power;
  return Math.max(Math.min(rising, decay), minDecay);
}

/** Averages of weights, in float32: in bfloat16 a slow average would not move. */
export class Ema implements Disposable, WeightAverage {
  readonly #params: readonly Tensor[];
  readonly #options: EmaOptions;
  /** Updates taken, on the host. */
  readonly #updates: Tensor;
  /** Like the parameters, in their order, float32. Owned by this object. */
  readonly averages: readonly Tensor[];

  /** Starts at the weights as they are. */
  constructor(params: readonly Tensor[], options: EmaOptions) {
    this.#params = params;
    this.#options = options;
    [this.averages, this.#updates] = unscoped(() =>
      noGrad(() => [
        params.map((param) => param.to({ dtype: "float32", copy: true })),
        zeros([], { dtype: "int64" }),
      ])
    );
  }

  /** Takes the weights as they are now into the average. @returns the decay that was used */
  update(): number {
    this.#updates.add_(1);
    const decay = emaDecayAt(this.#updates.item(), this.#options);
    noGrad(() => this.averages.forEach((average, i) => tidy(() => this.#take(average, i, decay))));
    return decay;
  }

  #take(average: Tensor, i: number, decay: number): void {
    const param = this.#params[i] as Tensor;
    if (decay === 0) average.copy_(param);
    else average.lerp_(param.float(), 1 - decay);
  }

  /** Writes the averages into tensors like the weights, in their order and any type. */
  copyTo(targets: readonly Tensor[]): void {
    noGrad(() => targets.forEach((target, i) => target.copy_(this.averages[i] as Tensor)));
  }

  /** The averages as `average.3`, and the count of updates: what a checkpoint holds. This object keeps owning them. */
  state(): Map<string, Tensor> {
    const state = new Map([["updates", this.#updates]]);
    this.averages.forEach((average, i) => state.set(`average.${i}`, average));
    return state;
  }

  [Symbol.dispose](): void {
    for (const tensor of this.state().values()) tensor[Symbol.dispose]();
  }
}
