import assert from "node:assert/strict";
import { RunError } from "../../src/base/mod.ts";
import { configChanges } from "../../src/train/changes.ts";
import type { SettledConfig } from "../../src/config/mod.ts";
import { runConfig } from "../support/train_config.ts";

Deno.test("configChanges() names each changed value with what follows from it; lists are one value", () => {
  const before = runConfig({ optim: { learningRate: 1e-4 }, data: { sources: [{ path: "/a" }] } });
  const after = runConfig({
    optim: { learningRate: 5e-5 },
    data: { sources: [{ path: "/a" }, { path: "/b" }] },
    sample: { prompts: ["a cat"] },
  });
  assert.deepEqual(configChanges(before, before), []);
  const changes = configChanges(before, after);
  assert.deepEqual(changes.map(({ path }) => path), ["data.sources", "optim.learningRate", "sample"]);
  assert.deepEqual([changes[1]?.from, changes[1]?.to], [1e-4, 5e-5]);
  assert.ok(!("from" in (changes[2] ?? {})));
  assert.match(changes[0]?.effect ?? "", /clips/);
  assert.match(changes[1]?.effect ?? "", /remembers/);
});

Deno.test("configChanges() refuses what the run's tensors lay down, and leaves the folder out", () => {
  const before = runConfig();
  assert.throws(() => configChanges(before, runConfig({ method: { rank: 4 } })), (error: unknown) => {
    assert.ok(error instanceof RunError);
    assert.match(error.message, /method\.rank from 32 to 4/);
    return true;
  });
  assert.deepEqual(configChanges(before, { ...before, runsDir: "/elsewhere" }), []);
});

Deno.test("configChanges() refuses the same of one expert, and groups, by whose order an optimizer remembers", () => {
  const of = (high: object): ReturnType<typeof runConfig> => runConfig({ train: { steps: 2, experts: { high } } });
  const refused = (before: object, after: object): string => {
    try {
      configChanges(of(before), of(after));
    } catch (error) {
      assert.ok(error instanceof RunError);
      return error.message;
    }
    assert.fail("nothing was refused");
  };
  assert.match(refused({ method: { rank: 1 } }, { method: { rank: 8 } }), /experts\.high\.method\.rank from 1 to 8/);
  assert.match(refused({}, { method: { rank: 8 } }), /experts\.high\.method\.rank from 32 to 8/);
  assert.match(refused({}, { optim: { name: "lion" } }), /experts\.high\.optim\.name from "adamw" to "lion"/);
  const groups = (match: string): object => ({ optim: { groups: [{ match, rateFactor: 16 }] } });
  assert.match(refused(groups("*.lora_B.weight"), groups("*.lora_A.weight")), /optim\.groups/);
  const rate = configChanges(of({ optim: { learningRate: 1e-4 } }), of({ optim: { learningRate: 1e-5 } }));
  assert.deepEqual(rate.map(({ path }) => path), ["train.experts.high.optim.learningRate"]);
});

Deno.test("configChanges() refuses what adds to or takes from the optimizer's memory, and lets mere numbers change", () => {
  const refused = (before: Record<string, unknown>, after: Record<string, unknown>): boolean => {
    const [from, to] = [before, after].map((optim) => runConfig({ optim })) as [SettledConfig, SettledConfig];
    try {
      return configChanges(from, to).length === 0;
    } catch (error) {
      assert.ok(error instanceof RunError && /a run cannot change optim\./.test(error.message), String(error));
      return true;
    }
  };
  const sgd = (momentum: number): Record<string, unknown> => ({ name: "sgd", momentum });
  const adafactor = (beta1: number | null): Record<string, unknown> => ({ name: "adafactor", beta1 });
  assert.deepEqual(
    [
      refused({}, { ema: { decay: 0.9 } }),
      refused({ ema: {} }, {}),
      refused({ ema: { decay: 0.9 } }, { ema: { decay: 0.99 } }),
      refused(sgd(0), sgd(0.9)),
      refused(sgd(0.8), sgd(0.9)),
      refused(adafactor(null), adafactor(0.9)),
      refused(adafactor(0.8), adafactor(0.9)),
      refused({}, { decayAll: true }),
      refused({ weightDecay: 0.1 }, { weightDecay: 0.2 }),
    ],
    [true, true, false, true, false, true, false, true, false],
  );
});

Deno.test("configChanges() lets dropout, the largest norm and the file to start from change, and tells scale from shape", () => {
  const of = (method: Record<string, unknown>): SettledConfig => runConfig({ method });
  const changed = configChanges(of({ init: "/a" }), of({ dropout: 0.1, maxNorm: 1, init: "/b" }));
  assert.deepEqual(changed.map(({ path }) => path).sort(), ["method.dropout", "method.init", "method.maxNorm"]);
  assert.throws(() => configChanges(of({ alpha: 16 }), of({ alpha: 32 })), /method\.alpha .*: .* the old scale/);
  const expert = (dropout: number): SettledConfig =>
    runConfig({ train: { experts: { low: { method: { dropout } } } } });
  assert.equal(configChanges(expert(0), expert(0.1)).length, 1);
});

Deno.test("configChanges() refuses other experts, and another variant unless it was left open", () => {
  const of = (model: Record<string, unknown>): SettledConfig => runConfig({ model });
  assert.throws(() => configChanges(of({}), of({ experts: "high" })), /model\.experts from "both" to "high"/);
  const [t2v, i2v] = [{ variant: "wan2.2-t2v-a14b" }, { variant: "wan2.2-i2v-a14b" }];
  assert.throws(() => configChanges(of(t2v), of(i2v)), /model\.variant/);
  assert.equal(configChanges(of({}), of(t2v)).length, 1);
});
