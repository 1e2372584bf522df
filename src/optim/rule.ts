/** Optimizers that update one tensor after another: a rule says how, `RuleOptimizer` keeps what the rule remembers. */
import { ShapeError } from "../base/mod.ts";
import { noGrad, type Tensor, tidy, unscoped, zeros, zerosLike } from "../torch/mod.ts";
import type { Optimizer, WeightAverage } from "./optimizer.ts";
import { type Rounding, roundStochastically } from "./rounding.ts";

/** Tensors that a rule keeps for one parameter, by name. */
export type Slots = Readonly<Record<string, Tensor | undefined>>;

/** One parameter in one step; a bfloat16 one is seen as a float32 copy. */
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
  /** Numbers that go on from step to step, scalar tensors by name. The optimizer owns them. */
  readonly scalars?: Readonly<Record<string, Tensor>>;
  /** That of the scalars which is a factor on the learning rate of the next step. */
  readonly ownRate?: Tensor | undefined;
  /** A look at every parameter before any is updated; like `at`, but it leaves the parameters as they are. */
  gather?(step: number, learningRate: number): (update: Update<S>) => void;
  /** The update of a step, counted from 1. Called once a step; what it returns, once a parameter, inside `tidy`. */
  at(step: number, learningRate: number): (update: Update<S>) => void;
  /** The weight to sample from and to save, where that is not the parameter. */
  average?(param: Tensor, slots: S): Tensor;
  /** How bfloat16 parameters take their updates; to the nearest if absent. */
  readonly rounding?: Rounding | undefined;
}

/** Applies a rule to every parameter. */
export class RuleOptimizer<S extends Slots> implements Optimizer {
  readonly #params: readonly Tensor[];
  readonly #rule: Rule<S>;
  readonly #slots: readonly S[];
  /** What rounding took away, one for each bfloat16 parameter; with Kahan's rounding alone. */
  readonly #lost: readonly (Tensor | undefined)[];
  /** Steps taken, on the host: reading it waits for no device. */
  readonly #step: Tensor;
  readonly average: WeightAverage | undefined;
  readonly ownRate: Tensor | undefined;

  constructor(params: readonly Tensor[], rule: Rule<S>) {
    this.#params = params;
    this.#rule = rule;
    this.ownRate = rule.ownRate;
    const compensated = (param: Tensor): boolean => isShort(param) && rule.rounding?.kind === "kahan";
    [this.#slots, this.#lost, this.#step] = unscoped(() =>
      noGrad(() => [
        params.map((param) => tidy(() => rule.slots(isShort(param) ? param.float() : param))),
        params.map((param) => compensated(param) ? zerosLike(param) : undefined),
        zeros([], { dtype: "int64" }),
      ])
    );
    const { average } = rule;
    if (average !== undefined) {
      this.average = {
        copyTo: (targets) =>
          noGrad(() =>
            targets.forEach((target, i) => tidy(() => target.copy_(average(this.#open(i), this.#slots[i] as S))))
          ),
      };
    }
  }

  /** @throws {ShapeError} if there are not as many gradients as parameters */
  step(gradients: readonly Tensor[], learningRate: number): void {
    const [wanted, found] = [this.#params.length, gradients.length];
    if (wanted !== found) throw new ShapeError(`An optimizer of ${wanted} tensors was given ${found} gradients.`);
    this.#step.add_(1);
    const step = this.#step.item();
    const each = (use: (update: Update<S>) => void, then?: (param: Tensor, i: number) => void): void =>
      gradients.forEach((given, i) =>
        tidy(() => {
          const param = this.#open(i);
          const gradient = given.dtype === param.dtype ? given : given.to({ dtype: param.dtype });
          use({ param, gradient, slots: this.#slots[i] as S });
          then?.(param, i);
        })
      );
    noGrad(() =>
      tidy(() => {
        const gather = this.#rule.gather?.(step, learningRate);
        if (gather !== undefined) each(gather);
        each(this.#rule.at(step, learningRate), (param, i) => this.#close(param, { i, step }));
      })
    );
  }

  /** The parameter to work on: itself, or a float32 copy. */
  #open(i: number): Tensor {
    const param = this.#params[i] as Tensor;
    if (!isShort(param)) return param;
    const [copy, lost] = [param.float(), this.#lost[i]];
    if (lost !== undefined) copy.add_(lost);
    return copy;
  }

  /** Brings a worked-on copy back into its parameter. */
  #close(copy: Tensor, { i, step }: { i: number; step: number }): void {
    const [param, { rounding }, lost] = [this.#params[i] as Tensor, this.#rule, this.#lost[i]];
    if (param === copy) return;
    param.copy_(rounding?.kind === "stochastic" ? roundStochastically(copy, rounding.seedOf(step, i)) : copy);
    if (lost !== undefined) lost.copy_(copy.sub(param));
  }

  /** The slots as `exp_avg.3`, the rule's scalars, and the count of steps. */
  state(): Map<string, Tensor> {
    const state = new Map([["step", this.#step], ...Object.entries(this.#rule.scalars ?? {})]);
    this.#slots.forEach((slots, i) => {
      for (const [name, tensor] of Object.entries({ ...slots, lost: this.#lost[i] })) {
        if (tensor !== undefined) state.set(`${name}.${i}`, tensor);
      }
    });
    return state;
  }

  [Symbol.dispose](): void {
    for (const tensor of this.state().values()) tensor[Symbol.dispose]();
  }
}

function isShort({ dtype }: Tensor): boolean {
  return dtype === "bfloat16";
}

/** gradient + weightDecay · param: decay as part of the gradient (L2). */
export function withDecay({ param, gradient }: Update<Slots>, weightDecay: number): Tensor {
  return weightDecay === 0 ? gradient : gradient.add(param, weightDecay);
}
