/** Fields that several choices of section `optim` share. */

import { z } from "zod";
import { auto, field, section } from "./field.ts";
import { scheduleFields } from "./schedule.ts";

export const beta = z.number().min(0).lt(1);
export const positive = z.number().positive();

export const betas = (first: number, second: number): z.ZodDefault<z.ZodTuple<[typeof beta, typeof beta], null>> =>
  field(z.tuple([beta, beta]).default([first, second]), {
    title: "Betas",
    description: "How slowly the averages of the gradient and of its square forget.",
    allowed: "a list of two numbers, each from 0 to below 1",
  });
export const eps = (value: number): z.ZodDefault<z.ZodNumber> =>
  field(positive.default(value), { title: "Epsilon", description: "Added to the denominator of the update." });
export const weightDecay = (value: number): z.ZodDefault<z.ZodNumber> =>
  field(z.number().min(0).default(value), {
    title: "Weight decay",
    description: "Share of each trained weight, times the learning rate, that is taken off per step.",
  });
export const gradientDecay = field(z.number().min(0).default(0), {
  title: "Weight decay",
  description: "Share of each trained weight that is added to its gradient.",
});
export const momentum = (value: number): z.ZodDefault<z.ZodNumber> =>
  field(beta.default(value), { title: "Momentum", description: "Share of the running direction that stays per step." });
export const nesterov = (value: boolean): z.ZodDefault<z.ZodBoolean> =>
  field(z.boolean().default(value), { title: "Nesterov", description: "Steps from where the momentum is heading." });
export const clipThreshold = field(positive.default(1), {
  title: "Clip threshold",
  description: "Largest root mean square of an update before the learning rate.",
});
export const decayPower = field(z.number().min(-1).lt(0).default(-0.8), {
  title: "Decay power",
  description: "A new squared gradient enters the average of step t with a share of t to this power.",
});

/** Schema of an entry of `optim.groups`. */
export const groupSchema = section({
  match: field(z.string().min(1), {
    title: "Names",
    description: "Which trained tensors: their whole name, where * stands for any characters (*.lora_B.weight).",
  }),
  rateFactor: field(z.number().min(0).max(1e4).default(1), {
    title: "Rate factor",
    description: "Factor on the learning rate. LoRA+ takes about 16 for *.lora_B.weight.",
  }),
  decayFactor: field(z.number().min(0).max(1e4).default(1), {
    title: "Decay factor",
    description: "Factor on the weight decay; 0 exempts the tensors from it.",
  }),
}, { title: "Group", description: "Trained tensors with a rate or decay of their own." });

/** Schema of `optim.ema`. */
export const emaSchema = section({
  decay: field(beta.default(0.999), {
    title: "Decay",
    description: "Largest share of the average that stays at each step.",
  }),
  minDecay: field(beta.default(0), { title: "Smallest decay", description: "Share that stays at least." }),
  startStep: field(z.int().min(0).default(0), {
    title: "Start",
    unit: "optimizer steps",
    description: "Up to this step the average is the weights themselves.",
  }),
}, {
  title: "Average of the weights",
  description: "An exponential moving average, which samples, validation and outputs use in the weights' place.",
});

/** What every optimizer has. */
export const shared = {
  ...scheduleFields,
  groups: field(z.array(groupSchema).default([]), {
    title: "Groups",
    description: "Trained tensors with a rate or decay of their own; a tensor belongs to the first group it matches.",
  }),
  decayAll: field(z.boolean().default(false), {
    title: "Decay everything",
    description: "Also decays biases, norms and modulation tables, which are exempt otherwise.",
  }),
  rounding: field(z.enum(["stochastic", "kahan", "nearest"]).default("stochastic"), {
    title: "Rounding",
    description:
      "How bfloat16 weights take updates smaller than their last digit: by chance, by keeping what was lost " +
      "in a second bfloat16 copy, or not. Float32 weights, such as a LoRA's, need none of it.",
  }),
  ema: emaSchema.optional(),
};

/** What an optimizer that is given a learning rate has. */
export const common = {
  learningRate: field(auto(positive.max(10)), {
    title: "Learning rate",
    description: "Rate after the warm-up. auto is the optimizer's usual one: for adamw 1e-4 for adapters, 1e-5 for " +
      "full fine-tuning, 5e-3 for learned tokens.",
  }).default("auto"),
  ...shared,
};
