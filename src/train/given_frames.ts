/** Which frames a model can be given in training. */
import { ConfigError } from "../base/mod.ts";
import type { RunConfig } from "../config/mod.ts";
import type { Variant } from "../wan/mod.ts";

const GIVEN = {
  none: "it is given no frames",
  channels: "it is always given the first frame, in channels of its own",
  "first-frame": "it may be given the first frame",
} as const;

/** Refuses settings about given frames that a model has no use for. @throws {ConfigError} */
export function checkGivenFrames(
  { train: { imageConditioning, conditioningNoise }, data: { numFrames } }: {
    readonly train: Pick<RunConfig["train"], "imageConditioning" | "conditioningNoise">;
    readonly data: Pick<RunConfig["data"], "numFrames">;
  },
  { title, image }: Pick<Variant, "title" | "image">,
): void {
  const refused = imageConditioning > 0 && image !== "first-frame"
    ? "imageConditioning"
    : conditioningNoise > 0 && image === "none"
    ? "conditioningNoise"
    : undefined;
  if (refused === undefined) return refuseIdle({ imageConditioning, conditioningNoise, numFrames, image });
  throw new ConfigError(`Cannot use train.${refused} with ${title}: ${GIVEN[image]}.`, {
    cure: `leave train.${refused} out`,
  });
}

/** Refuses what would change nothing for a model that may be given the first frame. */
function refuseIdle(
  { imageConditioning, conditioningNoise, numFrames, image }: {
    imageConditioning: number;
    conditioningNoise: number;
    numFrames: number | readonly number[];
    image: Variant["image"];
  },
): void {
  if (conditioningNoise > 0 && imageConditioning === 0 && image === "first-frame") {
    throw new ConfigError("Cannot use train.conditioningNoise: no clip is given its first frame.", {
      cure: "set train.imageConditioning above 0, or leave train.conditioningNoise out",
    });
  }
  if (imageConditioning > 0 && Math.max(...[numFrames].flat()) === 1) {
    throw new ConfigError(
      "Cannot use train.imageConditioning: with data.numFrames 1 there is nothing to make of a frame.",
      {
        cure: "leave train.imageConditioning out, or train on clips of more frames",
      },
    );
  }
}
