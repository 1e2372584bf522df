import assert from "node:assert/strict";
import { join } from "node:path";
import { RunError, WeightsError } from "../../src/base/mod.ts";
import { wholeCheckpoints } from "../../src/runs/mod.ts";
import { loadCheckpoint, pruneCheckpoints, saveCheckpoint } from "../../src/train/checkpoint.ts";
import { freshJournal, journalOf, rememberStep, rememberValidation } from "../../src/train/journal.ts";
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
    assert.equal(loadCheckpoint(checkpoint, { configHashes: ["g", "h"], state: target }), 7);
    assert.deepEqual(target.all.map((x) => x.toNumbers()[0]), [1.25, 1.75]);
  });
});

Deno.test("loadCheckpoint() refuses another config and other tensors", () => {
  inFolder((folder) => {
    saveCheckpoint(folder, { step: 1, configHash: "h", state: state(1) });
    const [checkpoint] = wholeCheckpoints(folder);
    assert(checkpoint !== undefined);
    assert.throws(() => loadCheckpoint(checkpoint, { configHashes: ["other"], state: state(0) }), RunError);
    const renamed = { params: new Map([["z", full([2, 3], 0)]]), optimizer: state(0).optimizer };
    assert.throws(() => loadCheckpoint(checkpoint, { configHashes: ["h"], state: renamed }), /other tensors/);
    const wider = { params: state(0).params, optimizer: new Map([["b", full([4], 0)]]) }; // a copy would broadcast
    assert.throws(() => loadCheckpoint(checkpoint, { configHashes: ["h"], state: wider }), /other tensors/);
    const changes = [
      { path: "optim.weightDecay", from: 0.01, to: 0, effect: "" },
      { path: "train.steps", from: 1, to: 2, effect: "" },
    ];
    assert.throws(
      () => loadCheckpoint(checkpoint, { configHashes: ["h"], state: wider, changes }),
      /other tensors than this run trains; changed since then: optim\.weightDecay from 0\.01 to 0\.$/,
    );
  });
});

Deno.test("a checkpoint whose file is cut off is refused, and the cure is to go on from the one before", () => {
  inFolder((folder) => {
    const { path } = saveCheckpoint(folder, { step: 1, configHash: "h", state: state(1) });
    Deno.truncateSync(join(path, "optimizer.safetensors"), 40);
    const [checkpoint] = wholeCheckpoints(folder);
    assert(checkpoint !== undefined);
    assert.throws(() => loadCheckpoint(checkpoint, { configHashes: ["h"], state: state(0) }), (error: unknown) => {
      assert.ok(error instanceof WeightsError);
      assert.match(
        error.cure ?? "",
        /^remove the folder ".*step-00000001": the run then goes on from the checkpoint before/,
      );
      return true;
    });
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

Deno.test("pruneCheckpoints() keeps the newest, those at multiples, and the best", () => {
  inFolder((folder) => {
    const save = (step: number): unknown => saveCheckpoint(folder, { step, configHash: "h", state: state(step) });
    const left = (retention: Parameters<typeof pruneCheckpoints>[1]): number[] => {
      pruneCheckpoints(wholeCheckpoints(folder), retention);
      return wholeCheckpoints(folder).map(({ step }) => step);
    };
    for (let step = 1; step <= 8; step++) save(step);
    assert.deepEqual(left({ keep: 8 }), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert.deepEqual(left({ keep: 2, keepEverySteps: 3, best: 2 }), [2, 3, 6, 7, 8]);
    assert.deepEqual(left({ keep: 2, best: 8 }), [7, 8]);
  });
});

Deno.test("a checkpoint carries the journal; one that is damaged is refused", () => {
  inFolder((folder) => {
    const journal = freshJournal();
    rememberStep(journal, { expert: "only", loss: 0.1 + 0.2 });
    rememberValidation(journal, { step: 4, loss: 1 / 3 });
    saveCheckpoint(folder, { step: 4, configHash: "h", journal, state: state(1) });
    const [checkpoint] = wholeCheckpoints(folder);
    assert(checkpoint !== undefined);
    assert.deepEqual(journalOf(checkpoint), journal, "to the last bit");
    assert.deepEqual(journalOf({ path: "", manifest: { step: 4 } }), { losses: {} });
    assert.throws(() => journalOf({ path: "x", manifest: { journal: { losses: 3 } } }), RunError);
  });
});
