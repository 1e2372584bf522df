/** How strongly the samples of a run are guided. */
import { ConfigError } from "../base/mod.ts";
import type { SampleConfig } from "../config/mod.ts";
import type { Variant } from "../wan/mod.ts";

/**
 * The guidance of each expert: what is said holds for both, unless the second one's is said too.
 * @throws {ConfigError} if the config has one for an expert that the model does not have
 */
export function guidanceOf(
  { guidanceScale, lowNoiseGuidanceScale }: Pick<SampleConfig, "guidanceScale" | "lowNoiseGuidanceScale">,
  { title, experts, inference }: Pick<Variant, "title" | "experts" | "inference">,
): { guidanceScale: number; lowNoiseGuidanceScale: number | undefined } {
  if (experts === 1 && lowNoiseGuidanceScale !== undefined) {
    throw new ConfigError(`Cannot guide the low-noise expert of ${title}: it has one transformer.`, {
      cure: "leave sample.lowNoiseGuidanceScale out",
    });
  }
  if (guidanceScale !== "auto") return { guidanceScale, lowNoiseGuidanceScale };
  return {
    guidanceScale: inference.guidanceScale,
    lowNoiseGuidanceScale: lowNoiseGuidanceScale ?? inference.lowNoiseGuidanceScale,
  };
}
