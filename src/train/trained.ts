/** What training changes, whatever the method: named tensors for optimizer, gradients and checkpoints. */
import { ConfigError, seedFor } from "../base/mod.ts";
import type { RunConfig } from "../config/mod.ts";
import type { Built } from "../nn/mod.ts";
import type { Tensor } from "../torch/mod.ts";
import type { Expert, WanTransformer } from "../wan/mod.ts";
import { trainAdapters, type TrainedAdapters, transformerPlan } from "./methods/adapters.ts";
import { trainParameters } from "./methods/full.ts";
import type { TextSide } from "./text_side.ts";

/** What is trained for one expert. Its tensors want gradients. */
export interface Trained extends Disposable {
  /** By the name of the layer or part they belong to, which also tells where the model uses them; in a fixed order. */
  readonly params: ReadonlyMap<string, Tensor>;
  /** Adapters on the transformer; absent where its own parameters or the text side alone is trained. */
  readonly adapters?: TrainedAdapters | undefined;
  /** The text side, where that is trained: one for all experts. Not owned. */
  readonly text?: TextSide | undefined;
}

/** What the trained is made on. */
export interface TrainedOptions {
  readonly config: RunConfig;
  readonly expert: Expert;
  readonly built: Built<WanTransformer>;
  readonly text: TextSide | undefined;
}

/**
 * What a config trains for an expert, as it is before the first step.
 * @throws {ConfigError} if the config names layers or parameters that the model does not have
 * @throws {WeightsError} if a file to start from does not fit
 */
export function freshTrained({ config, expert, built, text }: TrainedOptions): Trained {
  const { method, train } = config;
  const textParams = text?.params ?? new Map<string, Tensor>();
  switch (method.kind) {
    case "lora":
    case "dora":
    case "lokr": {
      const { model } = built;
      const plan = transformerPlan(method, { seed: train.seed, expert, weights: model.blockWeights });
      const adapters = trainAdapters(model.everyLinear, plan);
      const params = new Map([...adapters.params, ...textParams]);
      return { params, adapters, text, [Symbol.dispose]: () => adapters[Symbol.dispose]() };
    }
    case "full":
      return { params: trainParameters(built.params, method.parameters), [Symbol.dispose]: () => {} };
    case "embedding":
      if (text === undefined) throw new ConfigError("Cannot train an embedding without the text encoder.");
      return { params: textParams, text, [Symbol.dispose]: () => {} };
  }
}

/** What follows an update. */
export function afterUpdate({ adapters, text }: Trained): void {
  adapters?.afterStep();
  text?.adapters?.afterStep();
}

/**
 * Readies what is drawn anew for a micro-step of the run, such as dropout, until the result is disposed of.
 * @param seed of the run
 */
export function beginMicroStep(trained: Trained, { seed, microStep }: { seed: number; microStep: number }): Disposable {
  const dropouts = [trained.adapters?.dropout, trained.text?.adapters?.dropout].filter((it) => it !== undefined);
  for (const dropout of dropouts) dropout.begin((path) => seedFor(seed, `dropout.${path}`, microStep));
  return {
    [Symbol.dispose]: () => {
      for (const dropout of dropouts) dropout.end();
    },
  };
}
