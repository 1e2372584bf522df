/** Models of two experts in training: which are trained, whether both stay in memory, and both as one model for samples. */
import { ConfigError } from "../base/mod.ts";
import { expertConfig, type RunConfig } from "../config/mod.ts";
import { type Device, type DType, dtypeSize } from "../torch/mod.ts";
import {
  type Expert,
  ExpertSwitch,
  type ModelSource,
  type NoiseExpert,
  openTransformer,
  type OwnedModel,
  transformerShapes,
} from "../wan/mod.ts";
import type { Session } from "./setup.ts";
import { takeTurn, type Trainee } from "./trainee.ts";

/**
 * The experts that a config trains, in the order of their turns.
 * @throws {ConfigError} if it names one and the model has one transformer
 */
export function trainedExperts({ model, train }: RunConfig, models: ModelSource): readonly Expert[] {
  const { experts } = model;
  if (models.boundary !== null) return experts === "both" ? ["high", "low"] : [experts];
  if (experts === "both" && train.experts === undefined) return ["only"];
  if (experts === "both") {
    throw new ConfigError(`Cannot use train.experts for ${models.variant.title}: it has one transformer.`, {
      cure: "leave train.experts out",
    });
  }
  throw new ConfigError(
    `Cannot train the ${experts}-noise expert of ${models.variant.title}: it has one transformer.`,
    {
      cure: 'leave model.experts out, or set it to "both"',
    },
  );
}

/**
 * The run's config as it is for an expert.
 * @throws {ConfigError} if an expert is to be trained by another kind of method than the run
 */
export function configOf<C extends RunConfig>(config: C, expert: Expert): C {
  if (expert === "only") return config;
  const own = expertConfig(config, expert);
  const textOf = ({ method }: RunConfig): string => JSON.stringify("textEncoder" in method ? method.textEncoder : null);
  const kinds = [config, own].map(({ method: { kind } }) =>
    kind === "full" || kind === "embedding" ? kind : "adapters"
  );
  const isWord = kinds.includes("embedding") && own.method !== config.method;
  if (kinds[0] === kinds[1] && textOf(config) === textOf(own) && !isWord) return own;
  throw new ConfigError(`Cannot train the ${expert}-noise expert by a method of another sort than the run's.`, {
    cure:
      "let train.experts change adapters alone: both experts have adapters, or both are trained whole, and they share " +
      "the text encoder",
  });
}

/** Share of the free memory that the weights of both experts may take to stay; the rest is for the work. */
const SHARE = 0.5;

/** Whether the weights of both experts may stay in memory beside the work; on a card one at a time is there. */
export function fitsBoth(models: ModelSource, { device, dtype }: { device: Device; dtype: DType }): boolean {
  if (device !== "cpu") return false;
  const numbers = [...transformerShapes(models.transformerConfig).values()]
    .reduce((sum, shape) => sum + shape.reduce((product, size) => product * size, 1), 0);
  return 2 * numbers * dtypeSize(dtype) <= SHARE * Deno.systemMemoryInfo().available;
}

/**
 * The model as it is trained so far. Of two experts the one that is not trained comes from its files; each is at hand while it
 * works.
 */
export function trainedModel({ trainees, models, device, dtype }: Session): OwnedModel {
  const { boundary, transformerConfig: config } = models;
  const [first] = trainees;
  if (first === undefined) throw new TypeError("a session without an expert");
  if (boundary === null) return borrowed(first);
  const load = (expert: NoiseExpert): OwnedModel => {
    const trainee = trainees.find((one) => one.expert === expert);
    if (trainee === undefined) return openTransformer(models, { expert, dtype, device, blocks: "mapped" });
    takeTurn(trainee, trainees);
    return borrowed(trainee);
  };
  return new ExpertSwitch({ config, boundary, load });
}

function borrowed({ model }: Trainee): OwnedModel {
  return { config: model.config, forward: (inputs) => model.forward(inputs), [Symbol.dispose]: () => {} };
}
