import assert from "node:assert/strict";
import { Ema } from "../../src/optim/mod.ts";
import { type Tensor, tensor } from "../../src/torch/mod.ts";
import { type Averaged, updateState, useAverages } from "../../src/train/average.ts";
import { checkGroups, makeOptimizer, resolveRate, scheduledRate, treatmentOf } from "../../src/train/optimizer.ts";
import { runConfig } from "../support/train_config.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

/** A trainee of two tensors; what it needs nothing of is left out. */
function partOf(optim: Record<string, unknown>): Averaged & Disposable {
  const config = runConfig({ optim });
  const params = new Map([
    ["blocks.0.norm2.weight", tensor([1, 2])],
    ["blocks.0.attn1.to_q.weight", tensor([1, -2, 3, 4], { shape: [2, 2] })],
  ]);
  const optimizer = makeOptimizer(params, { optim: config.optim, seed: 1, expert: "only" });
  const ema = config.optim.ema && new Ema([...params.values()], config.optim.ema);
  return {
    trained: { params },
    optimizer,
    ...(ema === undefined ? {} : { ema }),
    [Symbol.dispose]: () => {
      optimizer[Symbol.dispose]();
      ema?.[Symbol.dispose]();
    },
  };
}

const valuesOf = ({ trained }: Averaged): number[][] => [...trained.params.values()].map((x) => x.toNumbers());

/** Ten updates from the one counted `from`. */
function update({ trained, optimizer, ema }: Averaged, from: number): void {
  for (let step = from; step < from + 10; step++) {
    optimizer.step([...trained.params.values()].map((x) => x.mul(Math.cos(step))), 0.1);
    ema?.update();
  }
}

for (const optim of [{ ema: { decay: 0.9 } }, { name: "schedule-free" }]) {
  Deno.test(`useAverages() gives the averages for a while and the weights back bit for bit (${JSON.stringify(optim)})`, () => {
    leakFree(() => {
      using part = partOf(optim);
      update(part, 0);
      const weights = valuesOf(part);
      {
        using _ = useAverages([part]);
        const averages = valuesOf(part);
        assert.notDeepEqual(averages, weights);
        if (part.ema !== undefined) assert.deepEqual(averages, part.ema.averages.map((x) => x.toNumbers()));
      }
      assert.deepEqual(valuesOf(part), weights);
    });
  });

  Deno.test(`updateState() is all that a resumed run needs beside the weights (${JSON.stringify(optim)})`, () => {
    leakFree(() => {
      using whole = partOf(optim);
      update(whole, 0);
      using resumed = partOf(optim);
      const state = updateState(whole);
      for (const [name, value] of updateState(resumed)) value.copy_(state.get(name) as Tensor);
      for (const [name, param] of resumed.trained.params) param.copy_(whole.trained.params.get(name) as Tensor);
      update(whole, 10);
      update(resumed, 10);
      using _ = useAverages([whole, resumed]);
      assert.deepEqual(valuesOf(resumed), valuesOf(whole));
    });
  });
}

Deno.test("useAverages() changes nothing where nothing is averaged", () => {
  leakFree(() => {
    using part = partOf({});
    update(part, 0);
    const weights = valuesOf(part);
    using _ = useAverages([part]);
    assert.deepEqual(valuesOf(part), weights);
  });
});

Deno.test("treatmentOf() exempts norms, biases and tables from decay, and takes the first group that matches", () => {
  const { optim } = runConfig({
    optim: {
      weightDecay: 0.1,
      groups: [{ match: "*.lora_B.weight", rateFactor: 16 }, { match: "blocks.1.*", rateFactor: 0.5, decayFactor: 2 }],
    },
  });
  const of = (name: string, shape = [4, 4]): string => {
    const { rateFactor, weightDecay } = treatmentOf(name, { shape, optim });
    return `${rateFactor} ${weightDecay}`;
  };
  assert.equal(of("blocks.0.attn1.to_q.weight"), "1 0.1");
  assert.equal(of("blocks.0.attn1.to_q.bias", [4]), "1 0");
  assert.equal(of("blocks.0.attn1.norm_q.weight", [4]), "1 0");
  assert.equal(of("blocks.0.scale_shift_table", [1, 6, 4]), "1 0");
  assert.equal(of("blocks.1.attn1.to_q.lora_B.weight"), "16 0.1");
  assert.equal(of("blocks.1.attn1.to_q.lora_A.weight"), "0.5 0.2");
  assert.equal(of("blocks.11.attn1.to_q.weight"), "1 0.1");
  const { optim: all } = runConfig({ optim: { decayAll: true } });
  assert.equal(treatmentOf("a.bias", { shape: [4], optim: all }).weightDecay, 0.01);
});

Deno.test("checkGroups() refuses a group that no trained tensor is in, or that others leave nothing of", () => {
  const names = ["blocks.0.attn1.to_q.lora_A.weight", "blocks.0.attn1.to_q.lora_B.weight"];
  const check = (...matches: string[]): void =>
    checkGroups(names, runConfig({ optim: { groups: matches.map((match) => ({ match })) } }).optim);
  check("*.lora_B.weight", "blocks.*");
  assert.throws(() => check("*lora_C*"), /no trained tensor is in the group of \*lora_C\*/);
  assert.throws(() => check("blocks.*", "*.lora_B.weight"), /the group of \*\.lora_B\.weight/);
});

Deno.test("makeOptimizer() gives Muon the matrices and AdamW the rest, and groups their rates", () => {
  leakFree(() => {
    using muon = partOf({ name: "muon" });
    const names = [...muon.optimizer.state().keys()];
    assert(names.includes("part0.exp_avg.0") && names.includes("part1.momentum_buffer.0"), names.join());
    using grouped = partOf({ name: "sgd", momentum: 0, groups: [{ match: "*to_q*", rateFactor: 3 }] });
    grouped.optimizer.step([tensor([1, 1]), tensor([1, 1, 1, 1], { shape: [2, 2] })], 0.5);
    assert.deepEqual(valuesOf(grouped), [[0.5, 1.5], [-0.5, -3.5, 1.5, 2.5]]);
    assert.throws(() => grouped.optimizer.step([tensor([1, 1])], 0.5), /2 tensors was given 1/);
  });
});

Deno.test("resolveRate() takes what the config says, else the usual one of optimizer and method", () => {
  assert.equal(resolveRate(runConfig()), 1e-4);
  assert.equal(resolveRate(runConfig({ optim: { learningRate: 0.5 } })), 0.5);
  assert.equal(resolveRate(runConfig({ optim: { name: "prodigy" } })), 1);
  assert(Math.abs(resolveRate(runConfig({ optim: { name: "lion" } })) - 2e-5) < 1e-18);
  const config = runConfig({ optim: { schedule: "rex", warmupSteps: 0, minRate: 0.5 }, train: { steps: 10 } });
  assert(Math.abs(scheduledRate(5, config) - 1e-4 * (0.5 + 0.5 * 2 / 3)) < 1e-15);
});
