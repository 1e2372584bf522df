/** Section `sample`: videos made during training. */

import { z } from "zod";
import { auto, count, field, numFrames, section, side } from "./field.ts";

const scale = z.number().min(0).max(100);

/** Schema of `sample`. */
export const sampleSchema = section({
  everySteps: field(count.default(250), {
    title: "Interval",
    unit: "optimizer steps",
    description: "How often samples are made.",
  }),
  everyEpochs: field(count.optional(), {
    title: "Interval in epochs",
    unit: "passes over the data",
    description: "How often in epochs; given, it takes the place of the interval in steps.",
  }),
  prompts: field(z.array(z.string().min(1)).min(1), { title: "Prompts", description: "One video is made of each." }),
  images: field(z.array(z.string().min(1)).min(1).optional(), {
    title: "Pictures",
    description:
      "Pictures that the videos begin with: one for all, or one for each prompt. I2V-A14B needs them, TI2V-5B " +
      "takes them.",
  }),
  negativePrompt: field(z.string().default(""), {
    title: "Negative prompt",
    description: "What guidance leads away from.",
  }),
  width: field(side.default(832), { title: "Width", unit: "pixels", description: "Width of the video." }),
  height: field(side.default(480), { title: "Height", unit: "pixels", description: "Height of the video." }),
  numFrames: field(numFrames.default(49), { title: "Frames", unit: "frames", description: "Length of the video." }),
  fps: field(auto(z.number().positive().max(240)).default("auto"), {
    title: "Frame rate",
    unit: "frames per second",
    description: "Rate at which the video plays; auto is the model's.",
  }),
  steps: field(count.default(30), {
    title: "Sampling steps",
    description: "Steps of the solver: more take longer and follow the model more exactly.",
  }),
  guidanceScale: field(auto(scale).default("auto"), {
    title: "Guidance",
    description: "Strength of classifier-free guidance; 1 is none and takes half the time, auto is the model's.",
  }),
  lowNoiseGuidanceScale: field(scale.optional(), {
    title: "Guidance, low noise",
    description:
      "The same for the low-noise expert of a model of two; absent means guidanceScale, or the model's where " +
      "that is auto.",
  }),
  shift: field(auto(z.number().positive().max(1000)).default("auto"), {
    title: "Shift",
    description: "Shift of the noise levels while sampling; auto is the model's.",
  }),
  solver: field(z.enum(["unipc", "euler", "dpm++"]).default("unipc"), {
    title: "Solver",
    description: "How the steps are taken.",
  }),
  solverOrder: field(z.int().min(1).max(3).default(2), {
    title: "Solver's order",
    allowed: "1, 2 or 3; for dpm++ 1 or 2",
    description: "How many of the last predictions a step is made of, for unipc and dpm++.",
  }),
  solverType: field(z.enum(["bh1", "bh2"]).default("bh2"), {
    title: "Solver's type",
    description: "Choice of B(h), for unipc. diffusers advises bh1 for fewer than 10 steps without guidance.",
  }),
  corrector: field(z.boolean().default(true), {
    title: "Corrector",
    description: "Whether each step corrects the one before, for unipc.",
  }),
  sigmas: field(z.enum(["diffusers", "official"]).default("diffusers"), {
    title: "Noise levels",
    description: "Whose noise levels the steps stop at: those of diffusers, or of WAN's release.",
  }),
  seed: field(z.int().min(0).default(0), { title: "Seed", description: "Seed of the starting noise." }),
}, { title: "Samples", description: "Videos made during training; leave the section out for none." }).refine(
  ({ solver, solverOrder }) => solver !== "dpm++" || solverOrder < 3,
  { path: ["solverOrder"], message: '1 or 2 where sample.solver is "dpm++"' },
);
