import assert from "node:assert/strict";
import { join } from "node:path";
import { RunError } from "../../src/base/mod.ts";
import { wholeCheckpoints } from "../../src/runs/mod.ts";
import { loadCheckpoint, pruneCheckpoints, saveCheckpoint } from "../../src/train/checkpoint.ts";
import { full, type Tensor } from "../../src/torch/mod.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

type State = Parameters<typeof saveCheckpoint>[1]["state"];
const state = (value: number): State & { all: Tensor[] } => {
  const [a, b] = [full([2, 3], value), full([], value + 0.5)];
  return { params: new Map([["a", a]]), optimizer: new Map([["b", b]]), all: [a, b] };
};

function inFolder(body: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    leakFree(() => body(folder));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("loadCheckpoint() copies back what saveCheckpoint() wrote, into the same tensors", () => {
  inFolder((folder) => {
    saveCheckpoint(folder, { step: 7, configHash: "h", state: state(1.25) });
    const [checkpoint] = wholeCheckpoints(folder);
    assert(checkpoint !== undefined);
    const target = state(0);
    assert.equal(loadCheckpoint(checkpoint, { configHash: "h", state: target }), 7);
    assert.deepEqual(target.all.map((x) => x.toNumbers()[0]), [1.25, 1.75]);
  });
});

Deno.test("loadCheckpoint() refuses another config and other tensors", () => {
  inFolder((folder) => {
    saveCheckpoint(folder, { step: 1, configHash: "h", state: state(1) });
    const [checkpoint] = wholeCheckpoints(folder);
    assert(checkpoint !== undefined);
    assert.throws(() => loadCheckpoint(checkpoint, { configHash: "other", state: state(0) }), RunError);
    const renamed = { params: new Map([["z", full([2, 3], 0)]]), optimizer: state(0).optimizer };
    assert.throws(() => loadCheckpoint(checkpoint, { configHash: "h", state: renamed }), /other tensors/);
  });
});

Deno.test("a checkpoint that a crash cut short does not count, and is overwritten", () => {
  inFolder((folder) => {
    const partial = join(folder, ".step-00000002.partial");
    Deno.mkdirSync(partial);
    Deno.writeTextFileSync(join(partial, "params.safetensors"), "cut");
    assert.deepEqual(wholeCheckpoints(folder), []);
    saveCheckpoint(folder, { step: 2, configHash: "h", state: state(1) });
    assert.deepEqual(wholeCheckpoints(folder).map(({ step }) => step), [2]);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["step-00000002"]);
  });
});

Deno.test("pruneCheckpoints() keeps the newest", () => {
  inFolder((folder) => {
    for (const step of [1, 2, 3]) saveCheckpoint(folder, { step, configHash: "h", state: state(step) });
    pruneCheckpoints(wholeCheckpoints(folder), 2);
    assert.deepEqual(wholeCheckpoints(folder).map(({ step }) => step), [2, 3]);
  });
});
