import assert from "node:assert/strict";
import { join } from "node:path";
import { ConfigError, OutOfMemory } from "../../src/base/mod.ts";
import { memorySchema } from "../../src/config/sections/memory.ts";
import { parseConfig } from "../../src/config/mod.ts";
import type { EventBody } from "../../src/events/mod.ts";
import { deviceMemory, Generator, limitHostMemory, randn, resetPeakMemory, zeros } from "../../src/torch/mod.ts";
import type { ClipBatch } from "../../src/train/batch.ts";
import { settleSteps } from "../../src/train/length.ts";
import { forecastRun } from "../../src/train/memory/forecast.ts";
import { PlanInForce } from "../../src/train/memory/in_force.ts";
import { type BlockCosts, continued } from "../../src/train/memory/measure.ts";
import { choosePlan, forwardPeakOf, peakOf, type PlanFacts } from "../../src/train/memory/plan.ts";
import { trainStep } from "../../src/train/step.ts";
import { makeTrainee, type OwnedTrainee } from "../../src/train/trainee.ts";
import { openModel } from "../../src/wan/mod.ts";
import { withSession } from "../support/session.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const MODEL = join(import.meta.dirname ?? ".", "../../presets/demo/model");
const costs: BlockCosts = {
  ...{ weights: 100, passing: 200, input: 10, graph: 60, forward: 30, graphWork: 70, backward: 40, recompute: 100 },
  ...{ stem: 5, shared: 0, head: 20, forwardSeconds: 1, backwardSeconds: 2 },
};
const update = { block: 0, ends: 0, accumulates: false, work: 0 };
const facts: PlanFacts = {
  ...{ numBlocks: 4, costs, programBytes: 0, fixedBytes: 1000, update, budgetBytes: Infinity },
  ...{ away: "streamed", movable: true, onHost: false },
};
const choose = (budgetBytes: number, memory: Record<string, unknown> = {}, more: Partial<PlanFacts> = {}): string => {
  const { plan, fits } = choosePlan(memorySchema.parse(memory), { ...facts, ...more, budgetBytes });
  const letters = plan.map(({ graph, weights, inputs }) =>
    graph === "keep" ? "K" : weights !== "resident" ? weights.charAt(0) : inputs === "host" ? "h" : "r"
  );
  return letters.join("") + (fits ? "" : "!");
};

Deno.test("peakOf() is what stays, what is kept, and the work where both are most", () => {
  const all = choosePlan(memorySchema.parse({ blocks: "keep" }), facts);
  assert.equal(all.peakBytes, 1000 + 4 * 100 + 4 * 60 + 40); // the last block's backward
  const none = choosePlan(memorySchema.parse({ blocks: "recompute" }), facts);
  assert.equal(none.peakBytes, 1000 + 4 * 100 + 4 * 10 + 100);
  assert.equal(peakOf(none.plan, { costs: { ...costs, head: 500 }, fixedBytes: 0, update }), 400 + 4 * 10 + 10 + 500);
});

Deno.test("peakOf() counts gradients as they come, all of them where they are summed, and the update's work beside them all", () => {
  const { plan } = choosePlan(memorySchema.parse({ blocks: "recompute" }), facts);
  const stays = 1000 + 4 * 100;
  const peak = (more: Partial<typeof update>): number => peakOf(plan, { ...facts, update: { ...update, ...more } });
  assert.equal(peak({ block: 7, ends: 3 }), stays + 4 * 10 + 3 + 100); // still that of the last block
  assert.equal(peak({ block: 7, ends: 3, accumulates: true }), stays + 4 * 10 + 4 * 7 + 3 + 100);
  assert.equal(peak({ block: 50, ends: 0 }), stays + 10 + 3 * 50 + 100); // the first block's, with those behind it done
  assert.equal(peak({ block: 50, ends: 0, work: 99 }), stays + 4 * 50 + 99);
});

Deno.test("forwardPeakOf() is the widest of stem, block and head", () => {
  const { plan } = choosePlan(memorySchema.parse({ blocks: "recompute" }), facts);
  assert.equal(forwardPeakOf(plan, { costs, fixedBytes: 1000 }), 1000 + 400 + 10 + 30);
  assert.equal(forwardPeakOf(plan, { costs: { ...costs, stem: 90 }, fixedBytes: 1000 }), 1000 + 400 + 90);
});

Deno.test("continued() goes on as a line, but for what grows with the square", () => {
  const at = { half: 512, most: 1024, numTokens: 4096 };
  assert.equal(continued({ low: 10 + 512, high: 10 + 1024, square: 0 }, at), 10 + 4096);
  const square = (tokens: number): number => tokens * tokens / 1024;
  const cost = (tokens: number): number => 10 + tokens + square(tokens);
  assert.equal(continued({ low: cost(512), high: cost(1024), square: square(1024) }, at), cost(4096));
});

Deno.test("choosePlan() gives up graphs, then inputs on the device, then weights, and no more than need be", () => {
  assert.equal(choose(1680), "KKKK");
  assert.equal(choose(1679), "rKKK");
  assert.equal(choose(1530), "rrrK"); // the last one's graph is there when it is needed, and takes no more than anew
  assert.equal(choose(1529), "hhhK");
  assert.equal(choose(1499), "sssh"); // the two that pass through take 200 themselves
  assert.equal(choose(1399), "ssss");
  assert.equal(choose(1000), "ssss!");
});

Deno.test("choosePlan() stays within what the config fixes", () => {
  assert.equal(choose(0, { blocks: "keep" }), "KKKK!");
  assert.equal(choose(Infinity, { blocks: 1 }), "rrrK");
  assert.equal(choose(Infinity, { weights: "mapped" }), "mmmm");
  assert.equal(choose(0, { weights: "resident", inputs: "device" }), "rrrr!");
  assert.equal(choose(0, { plan: [{ count: 3, weights: "streamed" }, { graph: "keep" }] }), "sssK!");
  assert.throws(() => choose(0, { plan: [{ count: 3 }] }), ConfigError);
  assert.throws(() => choose(0, { weights: "mapped", blocks: "keep" }), /needs its weights/);
  assert.throws(() => choose(0, { blocks: 5 }), /memory\.blocks is 5, the model has 4 blocks/);
});

Deno.test("choosePlan() says of a plan's own entries what is wrong with them, and names no field that may not stand beside it", () => {
  const cureOf = (plan: unknown[], more = {}): string => {
    try {
      choose(0, { plan }, more);
    } catch (error) {
      assert(error instanceof ConfigError, String(error));
      return error.cure ?? "";
    }
    assert.fail("the plan was accepted");
  };
  const keptAway = cureOf([{ count: 4, graph: "keep", weights: "mapped" }]);
  const trained = cureOf([{ count: 4, weights: "mapped" }], { movable: false });
  for (const cure of [keptAway, trained]) {
    assert.match(cure, /entry of memory\.plan/);
    assert.doesNotMatch(cure, /memory\.(blocks|weights)/);
  }
});

const config = (method: Record<string, unknown>, more: Record<string, unknown> = {}) =>
  settleSteps(
    parseConfig(
      JSON.stringify({
        ...{ version: 1, model: { weights: MODEL }, method, data: { sources: [{ path: "clips" }] } },
        ...{ train: { steps: 2, batchSize: 2 }, ...more },
      }),
      { path: join(MODEL, "test.jsonc") },
    ),
    { batchesPerEpoch: 1 },
  );

function batchAt(microStep: number): ClipBatch {
  using generator = Generator.seeded(microStep);
  return { latents: randn([2, 48, 3, 8, 8], { generator }), text: [zeros([5, 64]), zeros([9, 64])] } as ClipBatch;
}

const batch = { batchSize: 2, numTokens: 48 };

function trainee(more: Record<string, unknown>, shrunk: string[] = []): OwnedTrainee {
  const settled = config({ kind: "lora", rank: 4 }, more);
  const programBytes = (): number => 0; // tensors alone
  return makeTrainee({
    ...{ models: openModel(MODEL), expert: "only", config: settled, device: "cpu", dtype: "float32" },
    plan: (planned) =>
      PlanInForce.measured(planned, {
        ...{ memory: settled.memory, batch, device: "cpu", dtype: "float32", programBytes },
        ...{ accumulation: 1, updateBytes: 0, textBytes: 0 },
      }),
    onShrink: (_, error) => shrunk.push(error.message),
  });
}

Deno.test("where memory runs out, the step is made again with a smaller plan and gives the same numbers", () => {
  const bytesOf = ({ trained }: OwnedTrainee): Uint8Array[] => [...trained.params.values()].map((p) => p.toBytes());
  leakFree(() => {
    using free = trainee({ memory: { blocks: "keep" } });
    const loss = trainStep(free, { step: 0, batchAt }).loss;
    const shrunk: string[] = [];
    using limited = trainee({ memory: { blocks: "keep" } }, shrunk);
    const { allocated } = deviceMemory("cpu");
    const { costs: found } = limited.memory;
    assert.ok(found);
    limitHostMemory(allocated + 2.5 * found.graph + found.recompute);
    try {
      assert.equal(trainStep(limited, { step: 0, batchAt }).loss, loss);
      assert.equal(shrunk.length, 1);
      assert.match(shrunk[0] ?? "", /Out of memory/);
      assert.deepEqual(bytesOf(limited), bytesOf(free));
      limitHostMemory(allocated + 1000);
      assert.throws(() => trainStep(limited, { step: 1, batchAt }), OutOfMemory);
    } finally {
      limitHostMemory(undefined);
    }
  });
});

Deno.test("the plan's peak is what the host's tensors hold at most in a step, within 10 %", () => {
  leakFree(() => {
    for (const blocks of ["keep", "recompute", 2]) {
      using one = trainee({ memory: { blocks } });
      trainStep(one, { step: 0, batchAt }); // tables for positions are made once
      resetPeakMemory("cpu");
      trainStep(one, { step: 1, batchAt });
      const { peak } = deviceMemory("cpu");
      const { peakBytes } = one.memory.choice;
      assert(Math.abs(peakBytes / peak - 1) < 0.1, `${blocks}: forecast ${peakBytes}, measured ${peak}`);
    }
  });
});

Deno.test("forecastRun() says without weights what a run that is set up says of itself", () => {
  leakFree(() => {
    const models = openModel(MODEL);
    const workload = {
      ...{ batch, clip: { width: 64, height: 64, numFrames: 9 }, totalPixels: 64 * 64 * 9, numTexts: 1, textTokens: 9 },
    };
    const peaks = ["none", "fp8", "int8", "nf4"].map((quantization) => {
      const sections = { memory: { blocks: "recompute" }, model: { weights: MODEL, quantization } };
      const settled = config({ kind: "lora", rank: 4 }, sections);
      const { experts: [forecast], phases } = forecastRun({
        ...{ models, config: settled, workload, device: "cpu", dtype: "float32", programBytes: () => 0 },
      });
      using real = trainee(sections);
      assert.ok(forecast);
      const off = forecast.peakBytes / real.memory.choice.peakBytes - 1;
      assert(Math.abs(off) < 0.05, `${quantization}: off by ${off}`);
      assert(forecast.secondsPerStep > 0);
      assert.deepEqual(phases.map(({ name }) => name), ["captions", "clips", "training"]);
      return forecast.peakBytes;
    });
    const [full = 0, fp8 = 0, , nf4 = 0] = peaks;
    assert(nf4 < fp8 && fp8 < full, peaks.join());
  });
});

Deno.test("weights that are mapped and quantised at each turn are warned of; those that stay, or stay as they are, are not", () =>
  withFolder(async (folder) => {
    const warnings = async (quantization: string, weights: string): Promise<string[]> => {
      const found: string[] = [];
      const emit = (event: EventBody): void => {
        if (event.type === "warning") found.push(`${event.message} (${event.cure})`);
      };
      const sections = { model: { quantization }, memory: { weights } };
      await withSession({ folder, sections, emit }, () => {});
      return found;
    };
    const [slow = "", ...others] = await warnings("int8", "mapped");
    assert.match(slow, /quantised to int8 anew at each turn .*memory\.weights to "resident"/);
    assert.deepEqual(others, []);
    assert.deepEqual(await warnings("int8", "resident"), []);
    assert.deepEqual(await warnings("none", "mapped"), []);
  }));
