/** Configs of experts: a run's config with what one of two experts has of its own. */

import { freeze } from "./freeze.ts";
import { layOver } from "./choices.ts";
import type { JsonObject } from "./layers.ts";
import { configSchema, type RunConfig } from "./schema.ts";

/** One of two experts. */
export type ConfigExpert = "high" | "low";

/**
 * The values of a config as they are for an expert: what `train.experts` says of it is laid over section `method`, `optim` and
 * `train.steps`.
 */
export function expertValues(values: JsonObject, expert: ConfigExpert): JsonObject {
  const { train } = values as unknown as Partial<RunConfig>;
  const { steps, method, optim } = train?.experts?.[expert] ?? {};
  const own = {
    ...(method === undefined ? {} : { method }),
    ...(optim === undefined ? {} : { optim }),
    ...(steps === undefined ? {} : { train: { steps } }),
  };
  return layOver(values, own as JsonObject);
}

/** A run's config as it is for an expert; the same where nothing is said of it. */
export function expertConfig<C extends RunConfig>(config: C, expert: ConfigExpert): C {
  if (config.train.experts?.[expert] === undefined) return config;
  const own = configSchema.parse(expertValues(config as unknown as JsonObject, expert));
  return freeze({
    ...config,
    method: own.method,
    optim: own.optim,
    train: { ...config.train, steps: own.train.steps },
  });
}
