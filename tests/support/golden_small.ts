/** Runners of the small golden cases: random numbers, learning rates, noise levels. */
import { z } from "zod";
import { learningRateAt, type ScheduleKind } from "../../src/optim/mod.ts";
import { Generator, rand, randint, randn, randperm, type Tensor, tensor, tidy } from "../../src/torch/mod.ts";
import { lossWeight, type TimestepDensity, timestepFrom } from "../../src/wan/timestep_density.ts";
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

const LogitNormal = z.object({ logit_mean: z.number(), logit_std: z.number() });
const Mode = z.object({ mode_scale: z.number() });
const Density = z.union([
  LogitNormal.transform(({ logit_mean: mean, logit_std: std }) => ({ kind: "logit-normal" as const, mean, std })),
  Mode.transform(({ mode_scale: scale }) => ({ kind: "mode" as const, scale })),
  z.strictObject({}).transform(() => ({ kind: "none" as const })),
]);
const TimestepSchema = z.looseObject({ settings: z.record(z.string(), Density) });

/** Kind `timestep_sampling`: points in time from raw draws, by law; loss weights at given sigmas. */
export function runTimestepSamplingCase(dir: string): void {
  tidy(() => {
    const golden = openCase(dir);
    const { settings } = TimestepSchema.parse(golden.json);
    const outputs: Record<string, Tensor> = {};
    for (const [id, density] of Object.entries<TimestepDensity>(settings)) {
      // Normal draws are stored with the law's mean and deviation; ours start from the standard normal.
      const [mean, std] = density.kind === "logit-normal" ? [density.mean, density.std] : [0, 1];
      const draws = golden.tensor("outputs", `${id}/raw`).toNumbers().map((raw) => (raw - mean) / std);
      outputs[`${id}/u`] = tensor(draws.map((raw) => timestepFrom(raw, density)));
    }
    const sigmas = golden.tensor("outputs", "weight/sigmas").toNumbers();
    for (const weighting of ["none", "sigma_sqrt", "cosmap"] as const) {
      outputs[`weight/${weighting}`] = tensor(sigmas.map((sigma) => lossWeight(sigma, weighting)));
    }
    compareCase(dir, { outputs });
  });
}
