/** NAdam: Adam with Nesterov's momentum, which is warmed up. Source: torch.optim.NAdam, Dozat 2016. */
import type { Tensor } from "../torch/mod.ts";
import { type MomentOptions, type Moments, startMoments, takeIn } from "./moments.ts";
import type { Optimizer } from "./optimizer.ts";
import { RuleOptimizer } from "./rule.ts";

/** Settings of `nadam`. */
export interface NadamOptions extends MomentOptions {
  /** ψ: how fast the momentum rises to the first beta; 0.004 is usual. */
  readonly momentumDecay: number;
}

/** From here on 1 − product is 1 in float64. */
const NEGLIGIBLE = 1e-17;

/** An optimizer by NAdam. */
export function nadam(params: readonly Tensor[], options: NadamOptions): Optimizer {
  const { betas: [beta1, beta2], eps, momentumDecay } = options;
  const momentumAt = (step: number): number => beta1 * (1 - 0.5 * 0.96 ** (step * momentumDecay));
  return new RuleOptimizer<Moments>(params, {
    rounding: options.rounding,
    slots: startMoments,
    at: (step, learningRate) => {
      // The product of all momenta so far follows from the step alone, so that nothing needs to be kept for it.
      let product = 1;
      for (let i = 1; i <= step && product > NEGLIGIBLE; i++) product *= momentumAt(i);
      const [now, next] = [momentumAt(step), momentumAt(step + 1)];
      return (update) => {
        const { param, slots } = update;
        const gradient = takeIn(update, { ...options, learningRate });
        const root = slots.exp_avg_sq.div(1 - beta2 ** step).sqrt();
        root.add_(eps);
        param.addcdiv_(gradient, root, -learningRate * (1 - now) / (1 - product));
        param.addcdiv_(slots.exp_avg, root, -learningRate * next / (1 - product * next));
      };
    },
  });
}
