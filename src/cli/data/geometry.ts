/** What a model asks of pictures, from its configs, or from what is published about its variant. */
import { existsSync } from "node:fs";
import { ConfigError, nearest } from "../../base/mod.ts";
import type { RunConfig } from "../../config/mod.ts";
import type { DataGeometry } from "../../data/mod.ts";
import { dataGeometry, openModels } from "../../train/mod.ts";
import { type Variant, VARIANTS } from "../../wan/mod.ts";

/**
 * The geometry of a config's model; no weights are read.
 * @param options.variant published variant to take instead; that of the config is taken where the model's folder is absent
 * @throws {ConfigError} if there is neither a model nor a variant, or the variant is not known
 */
export function geometryOf(config: RunConfig, options: { variant?: string | undefined }): DataGeometry {
  const { weights, variant } = config.model;
  if (options.variant !== undefined) return published(options.variant);
  const places = typeof weights === "string" ? [weights] : Object.values(weights);
  const absent = places.find((path) => path !== undefined && !existsSync(path));
  if (absent === undefined) return dataGeometry(openModels(config));
  if (variant !== "auto") return published(variant);
  throw new ConfigError(`Cannot tell the sizes that the model takes: there is no model in ${absent}.`, {
    cure: `name its variant with --variant: ${names()}`,
  });
}

function published(name: string): DataGeometry {
  const variant = VARIANTS.find((one) => one.name === name);
  if (variant === undefined) {
    const near = nearest(name, VARIANTS.map((one) => one.name));
    throw new ConfigError(`Cannot take the variant "${name}": there is none of that name.`, {
      cure: near === undefined ? `take one of ${names()}` : `did you mean "${near}"?`,
    });
  }
  const { vae, transformer, inference }: Variant = variant;
  return {
    spatialDivisor: vae.spatialStride * transformer.patchSize[1],
    temporalStride: vae.temporalStride,
    spatialStride: vae.spatialStride,
    fps: inference.fps,
  };
}

function names(): string {
  return VARIANTS.map(({ name }) => name).join(", ");
}
