/** Which frames a model can be given in training. */
import { ConfigError } from "../base/mod.ts";
import type { TrainConfig } from "../config/mod.ts";
import type { Variant } from "../wan/mod.ts";

const GIVEN = {
  none: "it is given no frames",
  channels: "it is always given the first frame, in channels of its own",
  "first-frame": "it may be given the first frame",
} as const;

/** Refuses settings about given frames that a model has no use for. @throws {ConfigError} */
export function checkGivenFrames(
  { imageConditioning, conditioningNoise }: Pick<TrainConfig, "imageConditioning" | "conditioningNoise">,
  { title, image }: Pick<Variant, "title" | "image">,
): void {
  const refused = imageConditioning > 0 && image !== "first-frame"
    ? "imageConditioning"
    : conditioningNoise > 0 && image === "none"
    ? "conditioningNoise"
    : undefined;
  if (refused === undefined) return;
  throw new ConfigError(`Cannot use train.${refused} with ${title}: ${GIVEN[image]}.`, {
    cure: `leave train.${refused} out`,
  });
}
