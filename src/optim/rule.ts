/** Optimizers that update one tensor after another: a rule says how, `RuleOptimizer` keeps what the rule remembers. */
import { ShapeError } from "../base/mod.ts";
import { noGrad, type Tensor, tidy, unscoped, zeros } from "../torch/mod.ts";
import type { Optimizer } from "./optimizer.ts";

/** Tensors that a rule keeps for one parameter, by name. */
export type Slots = Readonly<Record<string, Tensor | undefined>>;

/** One parameter in one step. */
export interface Update<S extends Slots> {
  readonly param: Tensor;
  /** Like the parameter; a rule leaves it as it is. */
  readonly gradient: Tensor;
  readonly slots: S;
}

/** How an optimizer updates a parameter. */
export interface Rule<S extends Slots> {
  /** What is kept for a parameter, as it is before the first step. */
  slots(param: Tensor): S;
  /** The update of a step, counted from 1. Called once a step; what it returns, once a parameter, inside `tidy`. */
  at(step: number, learningRate: number): (update: Update<S>) => void;
}

/** Applies a rule to every parameter. */
export class RuleOptimizer<S extends Slots> implements Optimizer {
  readonly #params: readonly Tensor[];
  readonly #rule: Rule<S>;
  readonly #slots: readonly S[];
  /** Steps taken, on the host: reading it waits for no device. */
  readonly #step: Tensor;

  constructor(params: readonly Tensor[], rule: Rule<S>) {
    this.#params = params;
    this.#rule = rule;
    this.#slots = unscoped(() => params.map((param) => rule.slots(param)));
    this.#step = unscoped(() => zeros([], { dtype: "int64" }));
  }

  /** @throws {ShapeError} if there are not as many gradients as parameters */
  step(gradients: readonly Tensor[], learningRate: number): void {
    const [wanted, found] = [this.#params.length, gradients.length];
    if (wanted !== found) throw new ShapeError(`An optimizer of ${wanted} tensors was given ${found} gradients.`);
    this.#step.add_(1);
    const update = this.#rule.at(this.#step.item(), learningRate);
    noGrad(() => {
      this.#params.forEach((param, i) => {
        const [gradient, slots] = [gradients[i] as Tensor, this.#slots[i] as S];
        tidy(() => update({ param, gradient, slots }));
      });
    });
  }

  /** The slots as `exp_avg.3`, and the count of steps. */
  state(): Map<string, Tensor> {
    const state = new Map([["step", this.#step]]);
    this.#slots.forEach((slots, i) => {
      for (const [name, tensor] of Object.entries(slots)) {
        if (tensor !== undefined) state.set(`${name}.${i}`, tensor);
      }
    });
    return state;
  }

  [Symbol.dispose](): void {
    for (const tensor of this.state().values()) tensor[Symbol.dispose]();
  }
}

/** gradient + weightDecay · param: decay as part of the gradient (L2). */
export function withDecay({ param, gradient }: Update<Slots>, weightDecay: number): Tensor {
  return weightDecay === 0 ? gradient : gradient.add(param, weightDecay);
}
