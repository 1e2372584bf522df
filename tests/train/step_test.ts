import assert from "node:assert/strict";
import { seedFor, TorchError } from "../../src/base/mod.ts";
import { parseConfig, type RunConfig } from "../../src/config/mod.ts";
import { LoraSet } from "../../src/nn/mod.ts";
import { AdamW } from "../../src/optim/mod.ts";
import { type BlockPlan, GradientStore } from "../../src/parallel/mod.ts";
import { full, Generator, randn, type Tensor, tidy } from "../../src/torch/mod.ts";
import { saveLora } from "../../src/train/outputs.ts";
import { type Trainee, trainStep } from "../../src/train/step.ts";
import { loadTransformer } from "../../src/wan/mod.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

function configOf(train: Record<string, unknown>): RunConfig {
  const text = JSON.stringify({
    name: "step",
    model: { weights: "." },
    method: { rank: 4 },
    data: { sources: [{ path: "." }] },
    train: { steps: 10, seed: 5, ...train },
    optim: { learningRate: 1e-2, warmupSteps: 0 },
  });
  return parseConfig(text, { path: "/nowhere/step.jsonc" });
}

function withTrainee(train: Record<string, unknown>, body: (trainee: Trainee) => void): void {
  const config = configOf(train);
  leakFree(() => {
    const { model } = loadTransformer("presets/demo/model/transformer", { dtype: "float32", device: "cpu" });
    using _model = model;
    const { rank, alpha = rank, targets } = config.method;
    using lora = LoraSet.fresh(model.linears, { rank, alpha, targets, seedOf: (i) => seedFor(5, "lora", i) });
    for (const param of lora.params()) param.setRequiresGrad(true);
    using optimizer = new AdamW(lora.params(), config.optim);
    using gradients = new GradientStore(lora.params());
    const plan = model.blocks.map((): BlockPlan => "keep");
    body({ config, model, lora, optimizer, gradients, plan, device: "cpu", dtype: "float32" });
  });
}

/** Two clips, always the same. */
function batchOf(fill?: number): { latents: Tensor; text: Tensor[] } {
  using generator = Generator.seeded(2);
  const latents = randn([2, 48, 2, 4, 4], { generator });
  const text = [randn([3, 64], { generator }), randn([6, 64], { generator })];
  return { latents: fill === undefined ? latents : full([2, 48, 2, 4, 4], fill), text };
}

const valuesOf = (trainee: Trainee): string => tidy(() => trainee.lora.params().map((p) => p.sum().item()).join());

Deno.test("trainStep() lowers the loss on a clip seen again and again", () => {
  withTrainee({}, (trainee) => {
    const losses = Array.from({ length: 30 }, (_, step) => trainStep(trainee, step, () => batchOf()).loss);
    const mean = (values: number[]): number => values.reduce((a, b) => a + b) / values.length;
    assert(mean(losses.slice(-6)) < 0.8 * mean(losses.slice(0, 6)), losses.join());
  });
});

Deno.test("trainStep() follows from seed and step: the same step gives the same numbers", () => {
  const run = (): string => {
    let values = "";
    withTrainee({}, (trainee) => {
      for (let step = 0; step < 3; step++) trainStep(trainee, step, () => batchOf());
      values = valuesOf(trainee);
    });
    return values;
  };
  assert.equal(run(), run());
});

Deno.test("trainStep() asks for every micro-step of the run in turn", () => {
  withTrainee({ gradientAccumulation: 3 }, (trainee) => {
    const asked: number[] = [];
    const next = (microStep: number): ReturnType<typeof batchOf> => {
      asked.push(microStep);
      return batchOf();
    };
    trainStep(trainee, 0, next);
    trainStep(trainee, 1, next);
    assert.deepEqual(asked, [0, 1, 2, 3, 4, 5]);
  });
});

Deno.test("trainStep() refuses a loss that is no number, and updates nothing", () => {
  withTrainee({}, (trainee) => {
    const before = valuesOf(trainee);
    assert.throws(() => trainStep(trainee, 0, () => batchOf(NaN)), (error) => {
      return error instanceof TorchError && /nothing was updated/.test(error.message);
    });
    assert.equal(valuesOf(trainee), before);
  });
});

Deno.test("trainStep() holds the update to maxGradNorm and reports the norm before", () => {
  withTrainee({ maxGradNorm: 1e-3 }, (trainee) => {
    const { gradNorm } = trainStep(trainee, 0, () => batchOf());
    assert(gradNorm > 1e-3);
  });
});

Deno.test("saveLora() writes the same bytes for the same adapters", async () => {
  await withFolder((folder) => {
    withTrainee({}, ({ config, lora }) => {
      const bytes = [1, 2].map(() =>
        saveLora(folder, { config, lora, step: 3, variant: "wan2.2-ti2v-5b" }).map((path) => Deno.readFileSync(path))
      );
      assert.deepEqual(bytes[0], bytes[1]);
      assert.equal(bytes[0]?.length, 2);
    });
  });
});
