/** Section `save`: checkpoints and the files that come out. */

import { z } from "zod";
import { count, field, section } from "./field.ts";

/** Schema of `save`. */
export const saveSchema = section({
  everySteps: field(count.default(250), {
    title: "Interval",
    unit: "optimizer steps",
    description: "How often a checkpoint is written, from which the run can resume.",
  }),
  keep: field(count.default(2), {
    title: "Kept",
    unit: "checkpoints",
    description: "How many checkpoints are kept; older ones are removed after a newer one is whole.",
  }),
  formats: field(z.array(z.enum(["diffusers", "comfyui"])).min(1).default(["diffusers", "comfyui"]), {
    title: "Formats",
    description: "Namings in which the finished LoRA is written.",
  }),
  dtype: field(z.enum(["float32", "bfloat16", "float16"]).default("bfloat16"), {
    title: "Number type",
    description: "Type of the numbers in the finished LoRA; checkpoints always hold the exact ones.",
  }),
}, { title: "Saving", description: "Checkpoints and results." });
