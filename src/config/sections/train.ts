/** Section `train`: the loop, and how points in time are drawn. */

import { z } from "zod";
import { count, field, section, share } from "./field.ts";

/** Schema of `train.timesteps`. */
export const timestepsSchema = section({
  law: field(z.enum(["uniform", "logit-normal"]).default("logit-normal"), {
    title: "Law",
    description: "How noise levels are drawn, before the shift.",
  }),
  shift: field(z.number().positive().max(1000).default(5), {
    title: "Shift",
    description: "Bends the noise levels: above 1 towards more noise.",
  }),
  logitMean: field(z.number().min(-20).max(20).default(0), {
    title: "Mean",
    description: "Mean of the normal law in logit space.",
  }),
  logitStd: field(z.number().positive().max(20).default(1), {
    title: "Spread",
    description: "Standard deviation of the normal law in logit space.",
  }),
}, { title: "Timesteps", description: "The law by which noise levels are drawn." });

/** Schema of `train`. */
export const trainSchema = section({
  steps: field(count, { title: "Steps", unit: "optimizer steps", description: "Length of the run." }),
  batchSize: field(count.default(1), {
    title: "Batch size",
    unit: "clips",
    description: "Clips of one shape that pass through the model together.",
  }),
  gradientAccumulation: field(count.default(1), {
    title: "Accumulation",
    unit: "micro-steps",
    description: "Batches whose gradients are averaged for one optimizer step.",
  }),
  seed: field(z.int().min(0).default(0), {
    title: "Seed",
    description: "Every random draw of the run follows from it.",
  }),
  switchEvery: field(count.default(10), {
    title: "Turns",
    unit: "optimizer steps",
    description: "Steps that one of two experts takes before the other's turn.",
  }),
  timesteps: timestepsSchema.prefault({}),
  maxGradNorm: field(z.union([z.number().positive(), z.null()]).default(1), {
    title: "Largest gradient",
    description: "Global norm to which gradients are clipped; null turns clipping off.",
  }),
  imageConditioning: field(share.default(0), {
    title: "Image conditioning",
    description: "Probability that a clip is trained with its clean first frame given, as for image to video.",
  }),
}, { title: "Training", description: "The training loop." });
