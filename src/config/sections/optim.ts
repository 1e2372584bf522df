/** Section `optim`: the optimizer and its schedule. */

import { z } from "zod";
import { field, section } from "./field.ts";

const beta = z.number().min(0).lt(1);

/** Schema of `optim`. */
export const optimSchema = section({
  name: field(z.enum(["adamw"]).default("adamw"), { title: "Optimizer", description: "The update rule." }),
  learningRate: field(z.number().positive().max(10).default(1e-4), {
    title: "Learning rate",
    description: "Rate after the warm-up.",
  }),
  betas: field(z.tuple([beta, beta]).default([0.9, 0.99]), {
    title: "Betas",
    description: "How slowly the averages of the gradient and of its square forget.",
    allowed: "a list of two numbers, each from 0 to below 1",
  }),
  eps: field(z.number().positive().default(1e-8), {
    title: "Epsilon",
    description: "Added to the denominator of the update.",
  }),
  weightDecay: field(z.number().min(0).default(0.01), {
    title: "Weight decay",
    description: "Share of each trained weight, times the learning rate, that is taken off per step.",
  }),
  schedule: field(z.enum(["constant", "cosine"]).default("constant"), {
    title: "Schedule",
    description: "Course of the learning rate after the warm-up; cosine falls to zero at the last step.",
  }),
  warmupSteps: field(z.int().min(0).default(50), {
    title: "Warm-up",
    unit: "optimizer steps",
    description: "Steps over which the rate rises linearly from zero.",
  }),
}, { title: "Optimizer", description: "How gradients become updates." });
