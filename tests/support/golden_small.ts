/** Runners of the small golden cases: random numbers, learning rates, optimizers. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { AdamW, learningRateAt, type ScheduleKind } from "../../src/optim/mod.ts";
import { Generator, rand, randint, randn, randperm, stack, type Tensor, tensor, tidy } from "../../src/torch/mod.ts";
import { compareCase, openCase } from "./golden.ts";

/** Kind `rng`: six draws from one generator, for each seed. */
export function runRngCase(dir: string): void {
  tidy(() => {
    const outputs: Record<string, Tensor> = {};
    const seeds = openCase(dir).json.compare.map(({ tensor = "" }) => tensor.split("/")[0] ?? "");
    for (const seed of new Set(seeds)) {
      using generator = Generator.seeded(BigInt(seed));
      outputs[`${seed}/randn_3`] = randn([3], { generator });
      outputs[`${seed}/randn_16`] = randn([16], { generator });
      outputs[`${seed}/randn_2x3x4x5`] = randn([2, 3, 4, 5], { generator });
      outputs[`${seed}/rand_7`] = rand([7], { generator });
      outputs[`${seed}/randint_0_1000_9`] = randint(1000, [9], { generator });
      outputs[`${seed}/randperm_11`] = randperm(11, { generator });
    }
    compareCase(dir, { outputs });
  });
}

const LrScheduleSchema = z.looseObject({
  base_lr: z.number(),
  num_warmup_steps: z.number(),
  num_training_steps: z.number(),
  schedules: z.record(
    z.string(),
    z.object({ name: z.string(), num_cycles: z.number().optional(), power: z.number().optional() }),
  ),
});

/** Kind `lr_schedule`: the learning rate of each step, for each shape. */
export function runLrScheduleCase(dir: string): void {
  tidy(() => {
    const golden = openCase(dir);
    const { base_lr, num_warmup_steps, num_training_steps, schedules } = LrScheduleSchema.parse(golden.json);
    const outputs = Object.entries(schedules).map(([id, { name, num_cycles, power }]) => {
      const options = {
        kind: name as ScheduleKind,
        learningRate: base_lr,
        warmupSteps: num_warmup_steps,
        totalSteps: num_training_steps,
        ...(num_cycles === undefined ? {} : { numCycles: num_cycles }),
        ...(power === undefined ? {} : { power }),
      };
      const steps = golden.tensor("outputs", id).numel;
      const rates = Array.from({ length: steps }, (_, step) => learningRateAt(step, options));
      return [id, tensor(rates, { dtype: "float64" })];
    });
    compareCase(dir, { outputs: Object.fromEntries(outputs) });
  });
}

const OptimizerSchema = z.looseObject({
  produced_by: z.looseObject({ entry_point: z.string() }),
  parameters: z.array(z.string()),
  hyperparameters: z.looseObject({ amsgrad: z.boolean().optional() }),
});

/** Why an optimizer's case cannot be run, if so. */
export function cannotOptimize(dir: string): string | undefined {
  const { produced_by, hyperparameters } = OptimizerSchema.parse(
    JSON.parse(readFileSync(join(dir, "case.json"), "utf8")),
  );
  if (produced_by.entry_point !== "torch.optim.AdamW") return `there is no ${produced_by.entry_point} yet`;
  return hyperparameters.amsgrad ? "AdamW has no amsgrad" : undefined;
}

const AdamWSchema = z.looseObject({
  lr: z.number(),
  betas: z.tuple([z.number(), z.number()]),
  eps: z.number(),
  weight_decay: z.number(),
});

/** Kind `optimizer`: parameters after each of the steps, whose gradients are given. */
export function runOptimizerCase(dir: string): void {
  tidy(() => {
    const golden = openCase(dir);
    const { parameters, hyperparameters } = OptimizerSchema.parse(golden.json);
    const { lr, betas, eps, weight_decay } = AdamWSchema.parse(hyperparameters);
    const params = parameters.map((name) => golden.tensor("data", `init/${name}`));
    const gradients = parameters.map((name) => golden.tensor("data", `grads/${name}`).unbind());
    using optimizer = new AdamW(params, { betas, eps, weightDecay: weight_decay });
    const after: Tensor[][] = params.map(() => []);
    for (let step = 0; step < (gradients[0]?.length ?? 0); step++) {
      optimizer.step(gradients.map((steps) => steps[step] as Tensor), lr);
      params.forEach((param, i) => after[i]?.push(param.clone()));
    }
    const data = parameters.map((name, i) => [`params/${name}`, stack(after[i] ?? [])]);
    compareCase(dir, { data: Object.fromEntries(data) });
  });
}
