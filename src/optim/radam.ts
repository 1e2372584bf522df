/** RAdam: Adam that trusts its second average only once it rests on enough steps. Source: torch.optim.RAdam, arXiv:1908.03265. */
import type { Tensor } from "../torch/mod.ts";
import { type MomentOptions, type Moments, startMoments, takeIn } from "./moments.ts";
import type { Optimizer } from "./optimizer.ts";
import { RuleOptimizer } from "./rule.ts";

/** Below this length of the averaged window its variance has no bound. Source: torch's 5, the paper's algorithm says 4. */
const SHORTEST_WINDOW = 5;

/** An optimizer by RAdam. */
export function radam(params: readonly Tensor[], options: MomentOptions): Optimizer {
  const { betas: [beta1, beta2], eps } = options;
  const longest = 2 / (1 - beta2) - 1;
  return new RuleOptimizer<Moments>(params, {
    rounding: options.rounding,
    slots: startMoments,
    at: (step, learningRate) => {
      const unbias = 1 - beta2 ** step;
      const window = longest - 2 * step * beta2 ** step / unbias;
      const rectified = Math.sqrt(
        (window - 4) * (window - 2) * longest / ((longest - 4) * (longest - 2) * window),
      );
      const stepSize = learningRate / (1 - beta1 ** step);
      return (update) => {
        takeIn(update, { ...options, learningRate });
        const { param, slots } = update;
        if (window <= SHORTEST_WINDOW) return param.sub_(slots.exp_avg, stepSize);
        const root = slots.exp_avg_sq.sqrt();
        root.add_(eps);
        param.addcdiv_(slots.exp_avg, root, -stepSize * rectified * Math.sqrt(unbias));
      };
    },
  });
}
