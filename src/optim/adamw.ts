/**
 * AdamW, and Adam, by libtorch's fused operators: one call updates every tensor.
 * Source: torch.optim.AdamW and Adam (fused), arXiv:1711.05101; amsgrad: Reddi et al. 2018, arXiv:1904.09237.
 */
import { ops, type Tensor, unscoped, zeros, zerosLike } from "../torch/mod.ts";
import type { Optimizer } from "./optimizer.ts";

/** AdamW's settings, but for the learning rate, which comes with each step. */
export interface AdamWOptions {
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
  /**
   * `decoupled`, the default, is AdamW: the tensor shrinks by learning rate × weight decay at each step. `gradient` is
   * Adam: weight decay × tensor is added to the gradient.
   */
  readonly decay?: "decoupled" | "gradient";
  /** Divides by the root of the largest second moment so far. */
  readonly amsgrad?: boolean;
}

/** Updates tensors in place; owns its moments. */
export class AdamW implements Optimizer {
  readonly #params: readonly Tensor[];
  readonly #options: AdamWOptions;
  readonly #expAvgs: Tensor[];
  readonly #expAvgSqs: Tensor[];
  /** The largest second moments; empty without amsgrad. */
  readonly #maxExpAvgSqs: Tensor[];
  /** Steps taken, a float32 scalar; the operator wants one for each tensor, and is given this one. */
  readonly #step: Tensor;

  constructor(params: readonly Tensor[], options: AdamWOptions) {
    this.#params = params;
    this.#options = options;
    [this.#expAvgs, this.#expAvgSqs, this.#maxExpAvgSqs, this.#step] = unscoped(() => [
      params.map(zerosLike),
      params.map(zerosLike),
      options.amsgrad ? params.map(zerosLike) : [],
      zeros([], { device: params[0]?.device ?? "cpu" }),
    ]);
  }

  /** One update. @param gradients in the order of the parameters */
  step(gradients: readonly Tensor[], learningRate: number): void {
    const handles = (tensors: readonly Tensor[]): Tensor["handle"][] => tensors.map((tensor) => tensor.handle);
    this.#step.add_(1);
    const steps = this.#params.map(() => this.#step.handle);
    const { betas: [beta1, beta2], eps, weightDecay, decay = "decoupled", amsgrad = false } = this.#options;
    const update = decay === "decoupled" ? ops._fused_adamw_ : ops._fused_adam_;
    update(
      handles(this.#params),
      handles(gradients),
      handles(this.#expAvgs),
      handles(this.#expAvgSqs),
      handles(this.#maxExpAvgSqs),
      steps,
      learningRate,
      beta1,
      beta2,
      weightDecay,
      eps,
      amsgrad,
      false,
    );
  }

  /** The moments and step counts by name, `exp_avg.3`: what a checkpoint holds. The optimizer keeps owning them. */
  state(): Map<string, Tensor> {
    const state = new Map<string, Tensor>();
    this.#params.forEach((_, i) => {
      state.set(`exp_avg.${i}`, this.#expAvgs[i] as Tensor);
      state.set(`exp_avg_sq.${i}`, this.#expAvgSqs[i] as Tensor);
      const largest = this.#maxExpAvgSqs[i];
      if (largest !== undefined) state.set(`max_exp_avg_sq.${i}`, largest);
      state.set(`step.${i}`, this.#step);
    });
    return state;
  }

  [Symbol.dispose](): void {
    for (const tensor of this.state().values()) tensor[Symbol.dispose]();
  }
}
