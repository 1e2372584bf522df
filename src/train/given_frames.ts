/** Which frames a model can be given in training. */
import { ConfigError } from "../base/mod.ts";
import type { TrainConfig } from "../config/mod.ts";
import type { Emit } from "../events/mod.ts";
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
  if (conditioningNoise > 0 && imageConditioning === 0 && image === "first-frame") {
    throw new ConfigError("Cannot use train.conditioningNoise: no clip is given its first frame.", {
      cure: "set train.imageConditioning above 0, or leave train.conditioningNoise out",
    });
  }
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

/** Says that no clip has a frame to be given, as all are single ones. */
export function warnOfStills(
  { imageConditioning }: Pick<TrainConfig, "imageConditioning">,
  { items, emit }: { items: { sizes(): Iterable<{ readonly frames: number }> }; emit: Emit },
): void {
  if (imageConditioning === 0) return;
  for (const { frames } of items.sizes()) if (frames > 1) return;
  emit({
    type: "warning",
    message:
      "train.imageConditioning changes nothing here: all clips are of one frame, so there is nothing to make of it",
    cure: "set it to 0, or train on clips of more frames",
  });
}
