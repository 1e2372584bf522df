/** Section `validation`: clips that are held out, and what is made of the loss on them. */

import { z } from "zod";
import { sourceSchema } from "./data.ts";
import { auto, count, field, section } from "./field.ts";

/** Schema of `validation`. */
export const validationSchema = section({
  everySteps: field(count.default(250), {
    title: "Interval",
    unit: "optimizer steps",
    description: "How often the loss on held-out clips is measured, and once before the first step.",
  }),
  everyEpochs: field(count.optional(), {
    title: "Interval in epochs",
    unit: "passes over the data",
    description: "How often in epochs; given, it takes the place of the interval in steps.",
  }),
  sources: field(z.array(sourceSchema).min(1).optional(), {
    title: "Sources",
    description: "Clips that are only measured on. Given, they take the place of a share of the training clips; " +
      "a clip that is also among those is held out there.",
  }),
  share: field(z.number().positive().max(0.5).default(0.1), {
    title: "Share",
    description: "Share of the files of data.sources that is held out, at least one; by their content and the seed, " +
      "so that windows and copies of a file stay together.",
  }),
  maxClips: field(count.default(16), {
    title: "Clips",
    unit: "clips",
    description: "How many clips are measured at most; of more, some are chosen by the seed.",
  }),
  sigmas: field(auto(z.array(z.number().positive().max(1)).min(1)).default("auto"), {
    title: "Noise levels",
    description:
      "Noise levels, above 0 to 1, at which each clip is measured, those of its range for each expert; auto " +
      "takes five that share the law of train.timesteps evenly.",
  }),
  seed: field(z.int().min(0).default(0), {
    title: "Seed",
    description: "Seed of the noise and of the choice of clips; runs with the same one can be compared.",
  }),
  patience: field(count.optional(), {
    title: "Patience",
    unit: "measurements",
    description: "Ends the run when so many measurements in a row were no better than the best; absent means never.",
  }),
}, { title: "Validation", description: "The loss on held-out clips; leave the section out for none." });
