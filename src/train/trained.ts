/** What training changes, whatever the method: named tensors for optimizer, gradients and checkpoints. */
import { seedFor } from "../base/mod.ts";
import type { SettledConfig } from "../config/mod.ts";
import { LoraSet } from "../nn/mod.ts";
import type { Tensor } from "../torch/mod.ts";
import type { Expert, WanTransformer } from "../wan/mod.ts";

/** The tensors of one expert that are trained. They want gradients; whoever made this owns them by it. */
export interface Trained extends Disposable {
  /** By the name of the layer or part they belong to, which also tells where the model uses them; in a fixed order. */
  readonly params: ReadonlyMap<string, Tensor>;
  /** The adapters by the path of their layer. */
  readonly adapters: LoraSet;
}

/**
 * What a config trains on a model, as it is before the first step.
 * @throws {ConfigError} if the config names layers that the model does not have
 */
export function freshTrained(config: SettledConfig, options: { model: WanTransformer; expert: Expert }): Trained {
  const { method, train } = config;
  const { model, expert } = options;
  const purpose = expert === "only" ? "lora" : `lora.${expert}`;
  const adapters = LoraSet.fresh(model.linears, {
    rank: method.rank,
    alpha: method.alpha ?? method.rank,
    targets: method.targets,
    seedOf: (index) => seedFor(train.seed, purpose, index),
  });
  const params = adapters.named();
  for (const param of params.values()) param.setRequiresGrad(true);
  return { params, adapters, [Symbol.dispose]: () => adapters[Symbol.dispose]() };
}
