import assert from "node:assert/strict";
import { TorchError } from "../../src/base/mod.ts";
import type { SettledConfig } from "../../src/config/mod.ts";
import { PlanInForce } from "../../src/train/memory/in_force.ts";
import { makeOptimizer } from "../../src/train/optimizer.ts";
import { GradientStore } from "../../src/parallel/mod.ts";
import { full, Generator, randn, type Tensor, tidy } from "../../src/torch/mod.ts";
import { saveOutputs } from "../../src/train/outputs.ts";
import { trainStep } from "../../src/train/step.ts";
import type { Trainee } from "../../src/train/trainee.ts";
import { freshTrained } from "../../src/train/trained.ts";
import { loadTransformer, openModel } from "../../src/wan/mod.ts";
import { runConfig } from "../support/train_config.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

function configOf(train: Record<string, unknown>, optim?: Record<string, unknown>): SettledConfig {
  return runConfig({
    method: { rank: 4 },
    train: { seed: 5, ...train },
    optim: optim ?? { learningRate: 1e-2, warmupSteps: 0 },
  });
}

function withTrainee(
  { optim, ...train }: Record<string, unknown> & { optim?: Record<string, unknown> },
  body: (trainee: Trainee) => void,
): void {
  const config = configOf(train, optim);
  leakFree(() => {
    const built = loadTransformer("presets/demo/model/transformer", { dtype: "float32", device: "cpu" });
    using model = built.model;
    using trained = freshTrained({ config, expert: "only", built, text: undefined });
    const params = [...trained.params.values()];
    using optimizer = makeOptimizer(trained.params, { optim: config.optim, seed: 0, expert: "only" });
    using gradients = new GradientStore(params);
    const memory = PlanInForce.plain(model, { memory: config.memory, graphOf: () => "keep" });
    const range = [0, 1] as const;
    body({
      ...{ expert: "only", config, range, model, trained, optimizer, gradients, memory },
      ...{ takesTurns: false, device: "cpu", dtype: "float32" },
    });
  });
}

/** Two clips, always the same. */
function batchOf(fill?: number): { latents: Tensor; text: Tensor[] } {
  using generator = Generator.seeded(2);
  const latents = randn([2, 48, 2, 4, 4], { generator });
  const text = [randn([3, 64], { generator }), randn([6, 64], { generator })];
  return { latents: fill === undefined ? latents : full([2, 48, 2, 4, 4], fill), text };
}

const valuesOf = (trainee: Trainee): string =>
  tidy(() => [...trainee.trained.params.values()].map((p) => p.sum().item()).join());

Deno.test("trainStep() lowers the loss on a clip seen again and again", () => {
  withTrainee({}, (trainee) => {
    const losses = Array.from({ length: 30 }, (_, step) => trainStep(trainee, { step, batchAt: () => batchOf() }).loss);
    const mean = (values: number[]): number => values.reduce((a, b) => a + b) / values.length;
    assert(mean(losses.slice(-6)) < 0.8 * mean(losses.slice(0, 6)), losses.join());
  });
});

Deno.test("trainStep() follows from seed and step: the same step gives the same numbers", () => {
  const run = (): string => {
    let values = "";
    withTrainee({}, (trainee) => {
      for (let step = 0; step < 3; step++) trainStep(trainee, { step, batchAt: () => batchOf() });
      values = valuesOf(trainee);
    });
    return values;
  };
  assert.equal(run(), run());
});

Deno.test("the rate of a step's record is the one that the update took, also where the optimizer finds it by itself", () => {
  const rates = (optim: Record<string, unknown>, each: (factor: number) => void = () => {}): number[] => {
    let found: number[] = [];
    withTrainee({ optim }, (trainee) => {
      found = [0, 1, 2].map((step) => {
        const d = trainee.optimizer.state().get("d")?.item() ?? NaN;
        const { learningRate } = trainStep(trainee, { step, batchAt: () => batchOf() });
        each(learningRate / d);
        return learningRate;
      });
    });
    return found;
  };
  const prodigy = { name: "prodigy", learningRate: 0.5, warmupSteps: 0, d0: 1e-4, dCoef: 100 };
  const found = rates(prodigy, (factor) => assert(Math.abs(factor / 0.5 - 1) < 1e-6, String(factor)));
  assert(new Set(found).size > 1, found.join()); // the estimate has grown
  assert.deepEqual(rates({ name: "adafactor", relativeStep: true }), [0.01, 0.01, 0.01]);
  assert.deepEqual(rates({ name: "adafactor", relativeStep: true, warmupInit: true }), [1e-6, 2e-6, 3e-6]);
});

Deno.test("a group has its share of Adafactor's own rate", () => {
  const moved = (rateFactor: number): number => {
    let most = 0;
    const groups = [{ match: "*.lora_B.weight", rateFactor }];
    withTrainee({ optim: { name: "adafactor", relativeStep: true, groups } }, (trainee) => {
      trainStep(trainee, { step: 0, batchAt: () => batchOf() });
      for (const [name, param] of trainee.trained.params) { // the second factors begin at 0
        if (name.endsWith("lora_B.weight")) most = Math.max(most, ...param.abs().toNumbers());
      }
    });
    return most;
  };
  assert.equal(moved(0), 0);
  assert(Math.abs(moved(3) / moved(1) - 3) < 1e-4);
});

Deno.test("trainStep() asks for every micro-step of the run in turn", () => {
  withTrainee({ gradientAccumulation: 3 }, (trainee) => {
    const asked: number[] = [];
    const next = (microStep: number): ReturnType<typeof batchOf> => {
      asked.push(microStep);
      return batchOf();
    };
    trainStep(trainee, { step: 0, batchAt: next });
    trainStep(trainee, { step: 1, batchAt: next });
    assert.deepEqual(asked, [0, 1, 2, 3, 4, 5]);
  });
});

Deno.test("trainStep() refuses a loss that is no number, and updates nothing", () => {
  withTrainee({}, (trainee) => {
    const before = valuesOf(trainee);
    assert.throws(() => trainStep(trainee, { step: 0, batchAt: () => batchOf(NaN) }), (error) => {
      return error instanceof TorchError && /nothing was updated/.test(error.message);
    });
    assert.equal(valuesOf(trainee), before);
  });
});

Deno.test("trainStep() holds the update to maxGradNorm and reports the norm before", () => {
  withTrainee({ maxGradNorm: 1e-3 }, (trainee) => {
    const { gradNorm } = trainStep(trainee, { step: 0, batchAt: () => batchOf() });
    assert(gradNorm > 1e-3);
  });
});

Deno.test("saveOutputs() writes the same bytes for the same adapters", async () => {
  await withFolder((folder) => {
    withTrainee({}, (trainee) => {
      const models = openModel("presets/demo/model");
      const session = {
        config: trainee.config,
        trainees: [trainee],
        text: undefined,
        models,
        variant: "wan2.2-ti2v-5b",
      };
      const bytes = [1, 2].map(() =>
        saveOutputs(session, { folder, taken: { only: 3 } }).map((path) => Deno.readFileSync(path))
      );
      assert.deepEqual(bytes[0], bytes[1]);
      assert.equal(bytes[0]?.length, 2);
    });
  });
});
