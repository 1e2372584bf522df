/** Runners of the golden cases of optimizers and of averaged weights. */
import { z } from "zod";
import {
  adafactor,
  adagrad,
  AdamW,
  Ema,
  fairseqAdafactor,
  muon,
  nadam,
  type Optimizer,
  radam,
  relativeRate,
  rmsprop,
  sgd,
} from "../../src/optim/mod.ts";
import { stack, type Tensor, tensor, tidy } from "../../src/torch/mod.ts";
import { compareCase, openCase } from "./golden.ts";

/** Makes an optimizer from a case's hyperparameters. */
type Maker = (params: readonly Tensor[], hyperparameters: unknown) => Optimizer;

function maker<T>(schema: z.ZodType<T>, make: (params: readonly Tensor[], options: T) => Optimizer): Maker {
  return (params, hyperparameters) => make(params, schema.parse(hyperparameters));
}

const pair = z.tuple([z.number(), z.number()]);
const lr = z.number();
const weight_decay = z.number().default(0);
const amsgrad = z.boolean().default(false);
const AdamSchema = z.strictObject({ lr, betas: pair, eps: z.number(), weight_decay, amsgrad });
const Adagrad = z.strictObject({ lr, eps: z.number() });
const Sgd = z.strictObject({
  lr,
  momentum: z.number().default(0),
  dampening: z.number().default(0),
  nesterov: z.boolean().default(false),
  weight_decay,
});
const Rmsprop = z.strictObject({
  lr,
  alpha: z.number(),
  eps: z.number(),
  momentum: z.number(),
  centered: z.boolean(),
});
const Nadam = z.strictObject({
  lr,
  betas: pair,
  eps: z.number(),
  weight_decay,
  momentum_decay: z.number(),
  decoupled_weight_decay: z.boolean(),
});
const TorchAdafactor = z.strictObject({
  lr,
  beta2_decay: z.number(),
  eps: z.tuple([z.number().nullable(), z.number()]),
  d: z.number(),
  weight_decay,
});
const FairseqAdafactor = z.strictObject({
  lr: lr.nullable(),
  eps: pair,
  clip_threshold: z.number(),
  decay_rate: z.number(),
  beta1: z.number().nullable(),
  weight_decay,
  scale_parameter: z.boolean(),
  relative_step: z.boolean(),
  warmup_init: z.boolean(),
});
const Muon = z.strictObject({
  lr,
  weight_decay,
  momentum: z.number(),
  nesterov: z.boolean(),
  ns_coefficients: z.tuple([z.number(), z.number(), z.number()]),
  eps: z.number(),
  ns_steps: z.number(),
});

const MAKERS: Record<string, Maker> = {
  "torch.optim.Adam": maker(
    AdamSchema,
    (params, o) => new AdamW(params, { ...o, weightDecay: o.weight_decay, decay: "gradient" }),
  ),
  "torch.optim.AdamW": maker(AdamSchema, (params, o) => new AdamW(params, { ...o, weightDecay: o.weight_decay })),
  "torch.optim.Adagrad": maker(Adagrad, adagrad),
  "torch.optim.SGD": maker(Sgd, (params, o) => sgd(params, { ...o, weightDecay: o.weight_decay })),
  "torch.optim.RMSprop": maker(Rmsprop, rmsprop),
  "torch.optim.RAdam": maker(AdamSchema, (params, o) => radam(params, { ...o, weightDecay: o.weight_decay })),
  "torch.optim.NAdam": maker(Nadam, (params, o) =>
    nadam(params, {
      ...o,
      weightDecay: o.weight_decay,
      momentumDecay: o.momentum_decay,
      decoupledWeightDecay: o.decoupled_weight_decay,
    })),
  "torch.optim.Adafactor": maker(
    TorchAdafactor,
    (params, o) =>
      adafactor(params, { eps: o.eps, beta2Decay: o.beta2_decay, clipThreshold: o.d, weightDecay: o.weight_decay }),
  ),
  "transformers.optimization.Adafactor": maker(FairseqAdafactor, (params, o) =>
    fairseqAdafactor(params, {
      eps: o.eps,
      clipThreshold: o.clip_threshold,
      decayRate: o.decay_rate,
      beta1: o.beta1,
      weightDecay: o.weight_decay,
      scaleParameter: o.scale_parameter,
    })),
  "torch.optim.Muon": maker(Muon, (params, o) =>
    muon(params, {
      weightDecay: o.weight_decay,
      momentum: o.momentum,
      nesterov: o.nesterov,
      coefficients: o.ns_coefficients,
      iterations: o.ns_steps,
      eps: o.eps,
    })),
};

const OptimizerSchema = z.looseObject({
  produced_by: z.looseObject({ entry_point: z.string() }),
  parameters: z.array(z.string()),
  hyperparameters: z.looseObject({
    lr: z.number().nullable(),
    relative_step: z.boolean().default(false),
    warmup_init: z.boolean().default(false),
  }),
});

/** Kind `optimizer`: parameters after each of the steps, whose gradients are given. */
export function runOptimizerCase(dir: string): ReturnType<typeof compareCase> {
  return tidy(() => {
    const golden = openCase(dir);
    const { produced_by: { entry_point }, parameters, hyperparameters } = OptimizerSchema.parse(golden.json);
    const make = MAKERS[entry_point];
    if (make === undefined) throw new Error(`there is no ${entry_point}`);
    const params = parameters.map((name) => golden.tensor("data", `init/${name}`));
    const gradients = parameters.map((name) => golden.tensor("data", `grads/${name}`).unbind());
    using optimizer = make(params, golden.json.hyperparameters);
    const after: Tensor[][] = params.map(() => []);
    for (let step = 0; step < (gradients[0]?.length ?? 0); step++) {
      const { lr, relative_step, warmup_init: warmupInit } = hyperparameters;
      const rate = relative_step ? relativeRate(step + 1, { warmupInit }) : lr ?? NaN; // a case without one must not need it
      optimizer.step(gradients.map((steps) => steps[step] as Tensor), rate);
      params.forEach((param, i) => after[i]?.push(param.clone()));
    }
    const data = parameters.map((name, i) => [`params/${name}`, stack(after[i] ?? [])]);
    return compareCase(dir, { data: Object.fromEntries(data) });
  });
}

const EmaSchema = z.looseObject({
  settings: z.record(
    z.string(),
    z.strictObject({
      decay: z.number(),
      use_ema_warmup: z.boolean().default(false),
      inv_gamma: z.number().default(1),
      power: z.number().default(2 / 3),
      update_after_step: z.number().default(0),
      min_decay: z.number().default(0),
    }),
  ),
});

/** Kind `ema`: the average after each update, and the decays. */
export function runEmaCase(dir: string): ReturnType<typeof compareCase> {
  return tidy(() => {
    const golden = openCase(dir);
    const { settings } = EmaSchema.parse(golden.json);
    const [start, ...values] = golden.tensor("inputs", "values").unbind() as [Tensor, ...Tensor[]];
    const outputs: Record<string, Tensor> = {};
    for (const [id, o] of Object.entries(settings)) {
      const param = start.clone();
      using ema = new Ema([param], {
        decay: o.decay,
        minDecay: o.min_decay,
        updateAfterStep: o.update_after_step,
        ...(o.use_ema_warmup ? { warmup: { invGamma: o.inv_gamma, power: o.power } } : {}),
      });
      const shadows: Tensor[] = [];
      const decays = values.map((value) => {
        param.copy_(value);
        const decay = ema.update();
        shadows.push((ema.averages[0] as Tensor).clone());
        return decay;
      });
      outputs[`${id}/shadow`] = stack(shadows);
      outputs[`${id}/decay`] = tensor(decays, { dtype: "float64" });
    }
    return compareCase(dir, { outputs });
  });
}
