/**
 * Section `optim`: the optimizer, its rate and schedule, and the average of the weights. Each optimizer is one choice of
 * the section with fields of its own, so that a field it does not know is an error and not a silent nothing.
 */

import { z } from "zod";
import { count, field, section, share } from "./field.ts";
import {
  beta,
  betas,
  clipThreshold,
  common,
  decayPower,
  eps,
  gradientDecay,
  momentum,
  nesterov,
  positive,
  shared,
  weightDecay,
} from "./optim_fields.ts";

type Named<N extends string> = z.ZodLiteral<N>;
const named = <N extends string>(name: N): Named<N> =>
  field(z.literal(name), { title: "Optimizer", description: "The update rule." });

const adam = { ...common, betas: betas(0.9, 0.99), eps: eps(1e-8), weightDecay: weightDecay(0.01) };

const adamw = section({ name: named("adamw").default("adamw"), ...adam }, {
  title: "AdamW",
  description: "The usual choice.",
});
const adamw8bit = section({ name: named("adamw-8bit"), ...adam }, {
  title: "AdamW, 8-bit state",
  description: "AdamW whose two averages take a byte each per weight, in blocks of 256 with a scale of their own.",
});
const adamL2 = section({ name: named("adam"), ...adam, weightDecay: gradientDecay }, {
  title: "Adam",
  description: "Adam, whose decay goes through the gradient.",
});
const radam = section({ name: named("radam"), ...adam, weightDecay: weightDecay(0) }, {
  title: "RAdam",
  description: "Adam that warms itself up.",
});
const nadam = section({
  name: named("nadam"),
  ...adam,
  weightDecay: weightDecay(0),
  momentumDecay: field(z.number().min(0).default(0.004), {
    title: "Momentum decay",
    description: "How fast the momentum rises to the first beta.",
  }),
}, { title: "NAdam", description: "Adam with Nesterov's momentum." });
const scheduleFree = section({
  name: named("schedule-free"),
  ...common,
  betas: field(z.tuple([z.number().min(0.01).lt(1), beta]).default([0.9, 0.99]), {
    title: "Betas",
    description:
      "Where between the fast weights and their average gradients are taken, and how slowly the average of " +
      "the squared gradient forgets.",
    allowed: "a list of two numbers below 1, the first of at least 0.01, by which the average is divided",
  }),
  eps: eps(1e-8),
  weightDecay: weightDecay(0.01),
  schedule: field(z.literal("constant").default("constant"), {
    title: "Schedule",
    description: "Constant after the warm-up: the averaged weights do what a falling rate does elsewhere.",
  }),
}, {
  title: "Schedule-free AdamW",
  description: "AdamW that needs no schedule; samples, validation and outputs use its averaged weights.",
});
const adafactor = section({
  name: named("adafactor"),
  ...common,
  eps: field(z.tuple([positive, positive]).default([1e-30, 1e-3]), {
    title: "Epsilons",
    description: "What is added to squared gradients, and the smallest size that a tensor counts as.",
    allowed: "a list of two numbers above 0",
  }),
  clipThreshold,
  decayPower,
  beta1: field(z.union([beta, z.null()]).default(null), {
    title: "Momentum",
    description: "Share of the last update that goes on; null keeps none, which saves its memory.",
  }),
  weightDecay: weightDecay(0),
  scaleParameter: field(z.boolean().default(false), {
    title: "Relative to size",
    description: "Makes steps as large as the tensor, times the learning rate.",
  }),
  relativeStep: field(z.boolean().default(false), {
    title: "Own rate",
    description: "Takes min(0.01, 1/√t) in place of the learning rate and its schedule.",
  }),
  warmupInit: field(z.boolean().default(false), {
    title: "Own warm-up",
    description: "With relativeStep: the rate rises from nothing.",
  }),
}, { title: "Adafactor", description: "Keeps one row and one column for a matrix, so hardly any memory." });
const adafactorTorch = section({
  name: named("adafactor-torch"),
  ...common,
  clipThreshold,
  decayPower,
  minSize: field(positive.default(1e-3), {
    title: "Smallest size",
    description: "The smallest root mean square that a tensor counts as; steps are relative to it.",
  }),
  weightDecay: weightDecay(0),
}, { title: "Adafactor, PyTorch's form", description: "Steps as large as the tensor, times min(rate, 1/√t)." });
const lion = section({ name: named("lion"), ...common, betas: betas(0.9, 0.99), weightDecay: weightDecay(0.01) }, {
  title: "Lion",
  description: "Steps by the sign of a running direction: one average instead of two, and a smaller rate.",
});
const prodigy = section({
  name: named("prodigy"),
  ...common,
  betas: betas(0.9, 0.99),
  eps: eps(1e-8),
  weightDecay: weightDecay(0.01),
  learningRate: field(positive.max(10).default(1), {
    title: "Learning rate",
    description: "Factor on the rate that Prodigy finds; 1 is meant.",
  }),
  d0: field(positive.max(1).default(1e-6), { title: "First estimate", description: "The rate it starts from." }),
  dCoef: field(positive.max(100).default(1), {
    title: "Coefficient",
    description: "Factor on the estimate of the rate; below 1 is more careful.",
  }),
  growthRate: field(z.union([z.number().gt(1), z.null()]).default(null), {
    title: "Growth",
    description: "Largest factor by which the estimate grows per step; null sets no bound.",
  }),
  biasCorrection: field(z.boolean().default(true), {
    title: "Bias correction",
    description: "Corrects the averages for their start at zero, as Adam does.",
  }),
  safeguardWarmup: field(z.boolean().default(true), {
    title: "Safeguard",
    description: "Keeps the warm-up's small rates out of the estimate.",
  }),
}, { title: "Prodigy", description: "AdamW that finds its rate by itself." });
const muon = section({
  name: named("muon"),
  ...common,
  momentum: momentum(0.95),
  nesterov: nesterov(true),
  iterations: field(count.max(20).default(5), {
    title: "Iterations",
    description: "Newton-Schulz iterations that make the update orthogonal.",
  }),
  scale: field(z.enum(["match-rms", "original"]).default("match-rms"), {
    title: "Scale",
    description: "match-rms makes steps as large as AdamW's, so that both take one rate; original is Muon's own.",
  }),
  betas: betas(0.9, 0.99),
  eps: eps(1e-8),
  weightDecay: weightDecay(0.01),
}, { title: "Muon", description: "Orthogonal updates for matrices; all else is updated by AdamW." });
const sgd = section({
  name: named("sgd"),
  ...common,
  momentum: momentum(0.9),
  dampening: field(share.default(0), {
    title: "Dampening",
    description: "Share of a gradient that does not enter the momentum.",
  }),
  nesterov: nesterov(false),
  weightDecay: gradientDecay,
}, { title: "SGD", description: "Follows the gradient itself; wants a much larger rate." }).refine(
  ({ nesterov, momentum, dampening }) => !nesterov || (momentum > 0 && dampening === 0),
  { path: ["nesterov"], message: "false here: it needs a momentum above 0 and a dampening of 0" },
);
const adagrad = section({
  name: named("adagrad"),
  ...common,
  eps: eps(1e-10),
  learningRateDecay: field(z.number().min(0).default(0), {
    title: "Rate decay",
    description: "The rate of step t is divided by 1 + (t - 1) times this.",
  }),
  weightDecay: gradientDecay,
}, { title: "Adagrad", description: "Steps shrink with the sum of all squared gradients." });
const rmsprop = section({
  name: named("rmsprop"),
  ...common,
  alpha: field(beta.default(0.99), { title: "Alpha", description: "Share of the average square that stays per step." }),
  eps: eps(1e-8),
  momentum: momentum(0),
  centered: field(z.boolean().default(false), {
    title: "Centred",
    description: "Divides by the standard deviation of the gradient.",
  }),
  weightDecay: gradientDecay,
}, { title: "RMSprop", description: "Gradients over their running root mean square." });

/** Schema of `optim`: one choice for each optimizer, AdamW when it has no name. */
export const optimSchema = z.discriminatedUnion("name", [
  adamw,
  adamw8bit,
  adamL2,
  radam,
  nadam,
  scheduleFree,
  adafactor,
  adafactorTorch,
  lion,
  prodigy,
  muon,
  sgd,
  adagrad,
  rmsprop,
]).meta({ title: "Optimizer", description: "How gradients become updates." });

/** The fields that keep their meaning when another optimizer is named; schedule-free has an average of its own. */
export function sharedOptimFields(_from: string, to: string): readonly string[] {
  return Object.keys(shared).filter((name) => name !== "ema" || to !== "schedule-free");
}
