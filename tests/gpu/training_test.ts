/** Training on a card: the host's numbers to rounding, and the same bits whatever the memory plan and whenever it is run. */
import assert from "node:assert/strict";
import { OutOfMemory } from "../../src/base/mod.ts";
import { parseConfig } from "../../src/config/mod.ts";
import {
  type Device,
  deviceMemory,
  empty,
  emptyCache,
  Generator,
  randn,
  resetPeakMemory,
  setDeterministic,
  type Tensor,
  tidy,
  unscoped,
} from "../../src/torch/mod.ts";
import type { ClipBatch } from "../../src/train/batch.ts";
import { settleSteps } from "../../src/train/length.ts";
import { PlanInForce } from "../../src/train/memory/in_force.ts";
import { trainStep } from "../../src/train/step.ts";
import { makeTrainee, type OwnedTrainee } from "../../src/train/trainee.ts";
import { openModel } from "../../src/wan/mod.ts";
import { TI2V } from "../support/session.ts";
import { CARD, cardTest } from "../support/gpu.ts";
import { off } from "../support/near.ts";
import { leakFree } from "../support/torch.ts";
import type { Sections } from "../support/workplace.ts";

const LORA: Sections = { method: { kind: "lora", rank: 4, dropout: 0.1 } };
const FULL: Sections = { method: { kind: "full" } };
const STEPS = 4;

/** Clips of 16 or more latent positions along a side, so that there is work to copy beside. */
function batchAt(microStep: number): ClipBatch {
  using generator = Generator.seeded(microStep);
  const latents = randn([2, 48, 3, 16, 16], { generator });
  return { latents, text: [randn([5, 32], { generator }), randn([9, 32], { generator })] } as ClipBatch;
}

function trainee(device: Device, sections: Sections, shrunk: string[] = []): OwnedTrainee {
  const { dtype = "float32" } = sections.model ?? {};
  const text = {
    model: { weights: TI2V, device, ...sections.model },
    data: { sources: [{ path: "clips" }] },
    method: sections.method,
    train: { steps: STEPS, batchSize: 2, ...sections.train },
    optim: { learningRate: 1e-3, warmupSteps: 0, ...sections.optim },
    memory: sections.memory ?? {},
    save: sections.save ?? {},
  };
  const config = settleSteps(parseConfig(JSON.stringify(text), { path: "gpu.jsonc" }), { batchesPerEpoch: 1 });
  const batch = { batchSize: 2, numTokens: 192 };
  return makeTrainee({
    ...{ models: openModel(TI2V), expert: "only", config, device, dtype: dtype as "float32" | "bfloat16" },
    plan: (planned) =>
      PlanInForce.measured(planned, {
        ...{ memory: config.memory, batch, device, dtype: dtype as "float32" | "bfloat16", programBytes: () => 0 },
        ...{ accumulation: config.train.gradientAccumulation, updateBytes: 0, textBytes: 0 },
      }),
    onShrink: (_, error) => shrunk.push(error.message),
  });
}

/** Trains from the start, and gives the losses and what was trained, on the host. */
function train(device: Device, sections: Sections): { losses: number[]; params: Map<string, Tensor> } {
  setDeterministic(true);
  return tidy(() => {
    using one = trainee(device, sections);
    const losses = Array.from({ length: STEPS }, (_, step) => trainStep(one, { step, batchAt }).loss);
    const params = new Map(
      [...one.trained.params].map(([name, param]) => [name, param.detach().to({ device: "cpu" }).clone()]),
    );
    return { losses, params };
  });
}

function sameBits(a: ReturnType<typeof train>, b: ReturnType<typeof train>, what: string): void {
  assert.deepEqual(a.losses, b.losses, what);
  for (const [name, param] of a.params) assert(param.equal(b.params.get(name) as Tensor), `${what}: ${name}`);
}

/** Where things are kept; each with its own way through streams, pinned memory and the file. */
const PLANS: Readonly<Record<string, Record<string, unknown>>> = {
  "graphs kept": { blocks: "keep" },
  "inputs on the host": { blocks: "recompute", inputs: "host" },
  "weights streamed": { weights: "streamed", inputs: "host" },
  "weights mapped": { weights: "mapped" },
  "each block otherwise": {
    plan: [{ weights: "streamed", inputs: "host" }, { weights: "mapped" }, { graph: "keep" }],
  },
};

for (const dtype of ["float32", "bfloat16"] as const) {
  cardTest(`LoRA in ${dtype}: every memory plan gives the bits of the plainest, twice`, () => {
    leakFree(() => {
      const sections = { ...LORA, model: { dtype } };
      const plain = train(CARD, {
        ...sections,
        memory: { blocks: "recompute", weights: "resident", inputs: "device" },
      });
      assert(plain.losses.every(Number.isFinite));
      for (const [name, memory] of Object.entries(PLANS)) {
        for (const time of ["first", "second"]) {
          sameBits(train(CARD, { ...sections, memory }), plain, `${name}, ${time}`);
        }
      }
    });
  });

  cardTest(`full fine-tuning in ${dtype}: kept and recomputed, here and on the host, gives the same bits`, () => {
    leakFree(() => {
      const sections = { ...FULL, model: { dtype } };
      const plain = train(CARD, { ...sections, memory: { blocks: "recompute" } });
      for (const memory of [{ blocks: "recompute" }, { blocks: "keep" }, { blocks: "recompute", inputs: "host" }]) {
        sameBits(train(CARD, { ...sections, memory }), plain, JSON.stringify(memory));
      }
    });
  });
}

const METHODS: Readonly<Record<string, Sections>> = {
  LoRA: { method: { kind: "lora", rank: 4 } },
  DoRA: { method: { kind: "dora", rank: 4 } },
  LoKr: { method: { kind: "lokr", rank: 2, factor: 4 } },
  "full fine-tuning": FULL,
  "averages kept": { ...LORA, optim: { ema: {} } },
  "gradients accumulated": { ...LORA, train: { gradientAccumulation: 2 } },
};

for (const [name, sections] of Object.entries(METHODS)) {
  cardTest(`${name}: a card's losses are the host's`, () => {
    leakFree(() => {
      const [host, card] = [train("cpu", sections), train(CARD, sections)];
      card.losses.forEach((loss, i) => {
        const wanted = host.losses[i] ?? NaN;
        assert(Math.abs(loss / wanted - 1) < 1e-3, `step ${i}: ${loss}, on the host ${wanted}`);
      });
    });
  });
}

for (const quantization of ["fp8", "int8", "nf4"]) {
  cardTest(
    `a base in ${quantization} on a card gives the host's losses, resident and streamed with the same bits`,
    () => {
      leakFree(() => {
        const sections = { ...LORA, model: { quantization } };
        const resident = train(CARD, { ...sections, memory: { weights: "resident" } });
        for (const weights of ["streamed", "mapped"]) {
          sameBits(train(CARD, { ...sections, memory: { weights } }), { ...resident }, weights);
        }
        train("cpu", sections).losses.forEach((loss, i) => {
          assert(Math.abs((resident.losses[i] ?? NaN) / loss - 1) < 1e-3, `step ${i}: ${resident.losses[i]}, ${loss}`);
        });
      });
    },
  );
}

const OPTIMIZERS = [
  "adafactor",
  "adafactor-torch",
  "adagrad",
  "adam",
  "adamw",
  "adamw-8bit",
  "lion",
  "muon",
  "nadam",
  "prodigy",
  "radam",
  "rmsprop",
  "schedule-free",
  "sgd",
];

for (const name of OPTIMIZERS) {
  cardTest(`${name} on a card moves what is trained to where the host moves it`, () => {
    leakFree(() => {
      const sections = {
        method: { kind: "lora", rank: 8 },
        optim: name === "prodigy" ? { name } : { name, learningRate: "auto" },
      };
      const [host, card] = [train("cpu", sections), train(CARD, sections)];
      for (const [path, wanted] of host.params) {
        const gap = off(card.params.get(path) as Tensor, wanted);
        assert(gap < 0.05, `${path}: ${gap}`); // signs of tiny gradients may differ: near is the whole, not each number
      }
    });
  });
}

/** Takes a card's memory but for about `room` bytes; they are given back with what is returned. */
function fill(room: number): DisposableStack {
  const GIB = 2 ** 30, SMALL = 2 ** 26;
  const taken = new DisposableStack();
  emptyCache(CARD);
  const take = (bytes: number): Tensor | undefined => {
    try {
      return unscoped(() => empty([bytes], { dtype: "uint8", device: CARD }));
    } catch (error) {
      if (error instanceof OutOfMemory) return undefined;
      throw error;
    }
  };
  const spare = Array.from({ length: Math.ceil(room / SMALL) }, () => take(SMALL));
  for (const bytes of [GIB, SMALL]) {
    for (let more = take(bytes); more !== undefined; more = take(bytes)) taken.use(more);
  }
  for (const tensor of spare) tensor?.[Symbol.dispose]();
  emptyCache(CARD);
  return taken;
}

cardTest(
  "where a card's memory runs out, the step is made again with a smaller plan and gives the same numbers",
  () => {
    leakFree(() => {
      setDeterministic(true);
      const sections = { ...LORA, memory: { blocks: "keep" } };
      const large = (microStep: number): ClipBatch => {
        using generator = Generator.seeded(microStep);
        const latents = randn([2, 48, 5, 96, 96], { generator });
        return { latents, text: [randn([5, 32], { generator }), randn([9, 32], { generator })] } as ClipBatch;
      };
      const step = (one: OwnedTrainee): number => trainStep(one, { step: 0, batchAt: large }).loss;
      using free = trainee(CARD, sections);
      const loss = step(free);
      resetPeakMemory(CARD);
      const before = deviceMemory(CARD).allocated;
      trainStep(free, { step: 1, batchAt: large });
      const needed = deviceMemory(CARD).peak - before;
      const shrunk: string[] = [];
      using tight = trainee(CARD, sections, shrunk);
      using _taken = fill(0.7 * needed);
      assert.equal(step(tight), loss);
      assert.equal(shrunk.length, 1, `a step needs ${needed} bytes`);
      assert.match(shrunk[0] ?? "", /memory/i);
    });
  },
);

cardTest("the plan's peak is what a card's tensors hold at most in a step, within 10 %", () => {
  leakFree(() => {
    for (const memory of [{ blocks: "keep" }, { blocks: "recompute" }, { blocks: 1 }, { weights: "streamed" }]) {
      using one = trainee(CARD, { method: { kind: "lora", rank: 4 }, memory });
      trainStep(one, { step: 0, batchAt });
      resetPeakMemory(CARD);
      const before = deviceMemory(CARD);
      trainStep(one, { step: 1, batchAt });
      const { peak } = deviceMemory(CARD);
      const { peakBytes } = one.memory.choice;
      assert(
        Math.abs(peakBytes / peak - 1) < 0.1,
        `${JSON.stringify(memory)}: forecast ${peakBytes}, measured ${peak}, before ${before.allocated}`,
      );
    }
  });
});
