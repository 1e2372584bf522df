/** Section `train`: the loop, and how points in time are drawn. */

import { z } from "zod";
import { count, field, section, share } from "./field.ts";

/** A logarithm of a shift. */
const logShift = z.number().min(-7).max(7);

/** Schema of `train.timesteps`. */
export const timestepsSchema = section({
  law: field(z.enum(["uniform", "logit-normal", "mode"]).default("logit-normal"), {
    title: "Law",
    description: "How noise levels are drawn, before the shift. What others call sigmoid is logit-normal with mean 0.",
  }),
  shift: field(z.union([z.literal("resolution"), z.number().positive().max(1000)]).default(5), {
    title: "Shift",
    description: "Bends the noise levels: above 1 towards more noise. resolution grows with the size of the picture.",
  }),
  resolutionShift: field(z.tuple([logShift, logShift]).default([0.5, 1.15]), {
    title: "Shift by size",
    description: "Logarithms of the shift at 256 and at 4096 tokens of one latent frame, for shift resolution.",
    allowed: "a list of two numbers from -7 to 7",
  }),
  logitMean: field(z.number().min(-20).max(20).default(0), {
    title: "Mean",
    description: "Mean of the normal law in logit space.",
  }),
  logitStd: field(z.number().positive().max(20).default(1), {
    title: "Spread",
    description: "Standard deviation of the normal law in logit space; others call it sigmoid scale.",
  }),
  modeScale: field(z.number().min(-1).max(1.75).default(1.29), {
    title: "Mode scale",
    description: "How much denser the mode law is in the middle, or for a negative value at the ends.",
  }),
  min: field(share.default(0), {
    title: "Least noise",
    description:
      "Noise level, 0 to 1, below which nothing is drawn. The law is cut off there: what remains keeps its " +
      "shape and is not squeezed into the range. An expert's own range is cut in the same way.",
  }),
  max: field(share.default(1), {
    title: "Most noise",
    description: "Noise level, 0 to 1, above which nothing is drawn; the law is cut off there, as at min.",
  }),
  strata: field(count.default(1), {
    title: "Strata",
    unit: "draws",
    description: "This many draws in a row cover the law evenly: 1 draws each by itself, the batch size times " +
      "the accumulation evens out every step, more even out several steps.",
  }),
}, { title: "Timesteps", description: "The law by which noise levels are drawn." }).refine(
  ({ min, max }) => min < max,
  {
    path: ["min"],
    message: "a number below train.timesteps.max",
  },
);

/** Schema of `train.loss`. */
export const lossSchema = section({
  kind: field(z.enum(["mse", "huber", "pseudo-huber"]).default("mse"), {
    title: "Kind",
    description: "What an error costs: its square (mse), or its square up to delta and in proportion beyond, with a " +
      "kink (huber; smooth-L1 times 2 delta) or smoothly (pseudo-huber).",
  }),
  delta: field(z.number().positive().default(1), {
    title: "Delta",
    description:
      "Error at which huber and pseudo-huber pass from square to proportional; outputs have a spread near 1.",
  }),
  weighting: field(z.enum(["none", "cosmap", "sigma-sqrt", "bell"]).default("none"), {
    title: "Weighting",
    description:
      "How a clip's loss is weighted by its noise level: not at all, by 2 / (pi (1 - 2 s + 2 s^2)) (cosmap), " +
      "by 1 / s^2 (sigma-sqrt), or by a bell around the middle whose mean is 1 (bell).",
  }),
  temporal: field(z.number().min(0).max(1000).default(0), {
    title: "Temporal consistency",
    description:
      "Weight of the squared error of differences between neighbouring latent frames of the clean video that " +
      "the model predicts; 0 leaves it out.",
  }),
}, { title: "Loss", description: "What an error of the model costs." });

/** Schema of what one of two experts has of its own. */
const expertSchema = section({
  steps: field(count.optional(), {
    title: "Steps",
    unit: "optimizer steps",
    description: "Steps that this expert takes; absent means train.steps.",
  }),
  method: field(z.record(z.string(), z.unknown()).optional(), {
    title: "Method",
    description: "Fields of section method that are others for this expert, such as rank and alpha.",
    allowed: "a section with fields of section method",
  }),
  optim: field(z.record(z.string(), z.unknown()).optional(), {
    title: "Optimizer",
    description: "Fields of section optim that are others for this expert, such as learningRate.",
    allowed: "a section with fields of section optim",
  }),
}, { title: "Expert", description: "What one of two experts has of its own." });

/** Schema of `train.experts`. */
const expertsSchema = section({
  high: expertSchema.optional(),
  low: expertSchema.optional(),
}, { title: "Experts", description: "Steps, method and optimizer of each expert, where they differ from the run's." });

/** Schema of `train`. */
export const trainSchema = section({
  steps: field(count.optional(), {
    title: "Steps",
    unit: "optimizer steps",
    description: "Length of the run; with two experts, of each. Where epochs is given too, the shorter of both.",
  }),
  epochs: field(count.optional(), {
    title: "Epochs",
    unit: "passes over the data",
    description:
      "Length of the run, where it is to follow from the data; with two experts each takes so many passes, " +
      "at its own noise levels.",
  }),
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
  deterministic: field(z.boolean().default(true), {
    title: "Same bits",
    description:
      "On a card, use operators that give the same bits each time, so that a resumed run equals an unbroken " +
      "one to the bit; false lets attention's backward pass be faster. The host is always so.",
  }),
  switchEvery: field(count.default(10), {
    title: "Turns",
    unit: "optimizer steps",
    description: "Steps that one of two experts takes before the other's turn.",
  }),
  experts: expertsSchema.optional(),
  timesteps: timestepsSchema.prefault({}),
  loss: lossSchema.prefault({}),
  maxGradNorm: field(z.union([z.number().positive(), z.null()]).default(1), {
    title: "Largest gradient",
    description: "Global norm to which gradients are clipped; null turns clipping off.",
  }),
  maxLossRatio: field(z.union([z.number().gt(1), z.null()]).default(30), {
    title: "Largest loss",
    description:
      "The run ends before an update whose loss, without weights, is more than so many times the median of the last 64 " +
      "steps (of the same expert, from the 16th on); null lets any finite loss pass.",
  }),
  imageConditioning: field(share.default(0), {
    title: "Image conditioning",
    description: "Probability that a clip is trained with its clean first frame given, as for image to video.",
  }),
  conditioningNoise: field(share.default(0), {
    title: "Conditioning noise",
    description: "Median share of noise mixed into a frame that is given, so that the model does not lean on it too " +
      "closely; the share is log-normal with a spread of 0.5. WAN's own code hints at 0.03.",
  }),
}, { title: "Training", description: "The training loop." }).refine(
  ({ steps, epochs }) => steps !== undefined || epochs !== undefined,
  { path: ["steps"], message: "a whole number of at least 1, or train.epochs instead" },
);
