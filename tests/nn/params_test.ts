import assert from "node:assert/strict";
import { buildModel, Linear, type Params } from "../../src/nn/mod.ts";
import { liveHandles, ones, zeros } from "../../src/torch/mod.ts";
import { sourceOf } from "../support/params.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

/** Two linears, the second one without a bias. */
const build = (p: Params): Linear[] => [
  Linear.load(p.at("first"), { inFeatures: 2, outFeatures: 3 }),
  Linear.load(p.at("rest").at(0), { inFeatures: 3, outFeatures: 1, bias: false }),
];

Deno.test("buildModel() gives the model and its parameters by name, in the order they were asked for", () => {
  leakFree(() => {
    const source = sourceOf({ "rest.0.weight": ones([1, 3]), "first.bias": zeros([3]), "first.weight": ones([3, 2]) });
    const { model, params } = buildModel(source, { build, what: "the net" });
    assert.deepEqual([...params.keys()], ["first.weight", "first.bias", "rest.0.weight"]);
    assert.deepEqual(model.map(({ path }) => path), ["first", "rest.0"]);
    assert.deepEqual(model[1]?.forward(model[0]?.forward(ones([1, 2])) ?? ones([1])).toNumbers(), [6]);
  });
});

Deno.test("buildModel() tells everything that does not fit at once, and frees what it had loaded", () => {
  leakFree(() => {
    const source = sourceOf({ "first.weight": ones([3, 2]), "first.bias": ones([2]), stray: ones([1]) }, "some/folder");
    const before = liveHandles();
    assert.throws(() => buildModel(source, { build, what: "the net" }), {
      name: "WeightsError",
      message: "Cannot load the net from some/folder: 1 tensor missing: rest.0.weight [1, 3]; " +
        "1 tensor of another shape: first.bias is [2], expected [3]; 1 tensor unknown to the model: stray.",
    });
    assert.equal(liveHandles(), before);
  });
});

Deno.test("buildModel() ignores the surplus it is told to ignore", () => {
  leakFree(() => {
    const tensors = { "first.weight": ones([3, 2]), "first.bias": ones([3]), "rest.0.weight": ones([1, 3]) };
    const source = sourceOf({ ...tensors, "mask.old": ones([1]) });
    const ignore = (key: string): boolean => key.startsWith("mask.");
    assert.equal(buildModel(source, { build, what: "the net", ignore }).params.size, 3);
  });
});

Deno.test("Params.has() looks without asking", () => {
  leakFree(() => {
    const source = sourceOf({ "a.b": ones([1]) });
    const { model } = buildModel(source, {
      what: "the net",
      build: (p) => {
        const found = [p.at("a").has("b"), p.at("a").has("c"), p.at("a").path, p.path];
        p.at("a").get("b", [1]);
        return found;
      },
    });
    assert.deepEqual(model, [true, false, "a", ""]);
  });
});
