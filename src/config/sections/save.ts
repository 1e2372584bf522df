/** Section `save`: checkpoints and the files that come out. */

import { z } from "zod";
import { auto, count, field, section } from "./field.ts";

/** Schema of `save`. */
export const saveSchema = section({
  everySteps: field(count.default(250), {
    title: "Interval",
    unit: "optimizer steps",
    description: "How often a checkpoint is written, from which the run can resume.",
  }),
  everyEpochs: field(count.optional(), {
    title: "Interval in epochs",
    unit: "passes over the data",
    description: "How often in epochs; given, it takes the place of the interval in steps.",
  }),
  everyMinutes: field(z.number().positive().optional(), {
    title: "Interval in minutes",
    unit: "minutes",
    description: "A checkpoint is also written when the last one is this old.",
  }),
  keep: field(count.default(2), {
    title: "Kept",
    unit: "checkpoints",
    description:
      "How many of the newest checkpoints are kept; older ones are removed after a newer one is whole. The " +
      "one with the best validation is kept besides.",
  }),
  keepEverySteps: field(count.optional(), {
    title: "Kept for good",
    unit: "optimizer steps",
    description: "Checkpoints at multiples of this are never removed.",
  }),
  formats: field(auto(z.array(z.enum(["diffusers", "comfyui", "musubi"])).min(1)).default("auto"), {
    title: "Formats",
    description:
      "Forms in which what was trained is written: for diffusers, for ComfyUI, for musubi-tuner and its kin. Auto: for the " +
      "first two, but for a LoKr, which diffusers does not load.",
  }),
  intermediate: field(z.boolean().default(false), {
    title: "Intermediate results",
    description: "Whether what is trained is also written with each checkpoint, into outputs/step-<8 digits>.",
  }),
  dtype: field(z.enum(["float32", "bfloat16", "float16"]).default("bfloat16"), {
    title: "Number type",
    description: "Type of the numbers in what is written; checkpoints always hold the exact ones.",
  }),
}, { title: "Saving", description: "Checkpoints and results." });
