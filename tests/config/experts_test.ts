import assert from "node:assert/strict";
import { ConfigError } from "../../src/base/mod.ts";
import { expertConfig, parseConfig, type RunConfig } from "../../src/config/mod.ts";

const BASE = {
  model: { weights: "w" },
  data: { sources: [{ path: "c" }] },
  method: { rank: 16, alpha: 8 },
  optim: { learningRate: 1e-3, schedule: "cosine", betas: [0.5, 0.9] },
};
const parse = (experts: unknown, set: string[] = []): RunConfig =>
  parseConfig(JSON.stringify({ ...BASE, train: { steps: 10, experts } }), { path: "/a/run.jsonc", set });

Deno.test("expertConfig() lays an expert's own method, optimizer and steps over the run's", () => {
  const config = parse({ high: { steps: 4, method: { rank: 2 } }, low: { optim: { learningRate: 1e-5 } } });
  const [high, low] = [expertConfig(config, "high"), expertConfig(config, "low")];
  assert(high.method.kind === "lora" && low.method.kind === "lora");
  assert.deepEqual([high.method.rank, high.method.alpha, high.train.steps], [2, 8, 4]);
  assert.deepEqual([low.method.rank, low.train.steps, low.optim.learningRate], [16, 10, 1e-5]);
  assert.equal(high.optim.learningRate, 1e-3);
  assert.equal(low.optim.schedule, "cosine");
});

Deno.test("an expert's other optimizer keeps the run's schedule, and none of the fields it does not know", () => {
  const config = parse({ low: { optim: { name: "sgd", learningRate: 0.1 } } });
  const { optim } = expertConfig(config, "low");
  assert.deepEqual([optim.name, optim.schedule, "betas" in optim], ["sgd", "cosine", false]);
});

Deno.test("an expert's rate goes when the run's optimizer changes beneath it, and stays when it named its own", () => {
  const rates = (...set: string[]): unknown[] => {
    const config = parse({ high: { optim: { learningRate: 5e-5, warmupSteps: 3 } } }, set);
    return (["high", "low"] as const).map((expert) => {
      const { optim: { learningRate, warmupSteps } } = expertConfig(config, expert);
      return [learningRate, warmupSteps];
    });
  };
  assert.deepEqual(rates(), [[5e-5, 3], [1e-3, 50]]);
  assert.deepEqual(rates("optim.name=adamw"), [[5e-5, 3], [1e-3, 50]]);
  assert.deepEqual(rates("optim.name=prodigy"), [[1, 3], [1, 50]]);
  assert.deepEqual(rates("train.experts.high.optim.learningRate=2", "optim.name=prodigy"), [[2, 3], [1, 50]]);
  assert.deepEqual(rates("train.experts.high.optim.name=lion"), [["auto", 3], [1e-3, 50]]);
  const own = parse({ high: { optim: { name: "sgd", learningRate: 2 } } }, ["optim.name=lion"]);
  assert.equal(expertConfig(own, "high").optim.learningRate, 2);
  const rank = parse({ high: { method: { rank: 2 } } }, ["method.kind=full"]);
  assert.deepEqual(expertConfig(rank, "high").method, { kind: "full", parameters: "all" });
});

Deno.test("the rate that a preset gives one expert is not another optimizer's", () => {
  const own = { extends: "t2v-a14b-lora-8gb", optim: { name: "lion" } };
  const config = parseConfig(JSON.stringify(own), { path: "/a/run.jsonc" });
  const [high, low] = [expertConfig(config, "high"), expertConfig(config, "low")];
  assert.deepEqual([high.optim, high.optim.learningRate], [low.optim, "auto"]);
});

Deno.test("the expert's config of a config that was written down is the same", () => {
  const config = parse({ low: { optim: { name: "lion" }, method: { kind: "dora", rank: 3 } } });
  const again = parseConfig(JSON.stringify(config), { path: "/b/config.json" });
  assert.deepEqual(expertConfig(again, "low"), expertConfig(config, "low"));
});

Deno.test("what an expert cannot have is refused when the config is read, and says whose it is", () => {
  assert.throws(() => parse({ high: { optim: { lerningRate: 1 } } }), {
    name: ConfigError.name,
    message: /"run\.jsonc, train\.experts\.high": unknown key "optim\.lerningRate"; did you mean "optim\.learningRate"/,
  });
  assert.throws(() => parse({ low: { method: { rank: 0 } } }), /train\.experts\.low": "method\.rank" is 0/);
  assert.throws(() => parse({ medium: {} }), /unknown key "train\.experts\.medium"/);
});

Deno.test("another method drops the fields of the former one, an adapter's kin keep them", () => {
  const full = parse(undefined, ["method.kind=full"]);
  assert.deepEqual(full.method, { kind: "full", parameters: "all" });
  const dora = parse(undefined, ["method.kind=dora"]);
  assert(dora.method.kind === "dora");
  assert.deepEqual([dora.method.rank, dora.method.alpha], [16, 8]);
});
