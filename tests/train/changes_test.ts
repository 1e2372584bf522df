import assert from "node:assert/strict";
import { RunError } from "../../src/base/mod.ts";
import { configChanges } from "../../src/train/changes.ts";
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
