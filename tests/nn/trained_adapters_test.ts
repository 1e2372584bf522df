/** Adapters while they are trained: how they start, what is dropped, how they are held to a norm, where gradients go. */
import assert from "node:assert/strict";
import {
  type AdapterData,
  AdapterDropout,
  AdapterSet,
  capNorm,
  freshAdapter,
  type FreshOptions,
  Linear,
} from "../../src/nn/mod.ts";
import { Generator, grad, noGrad, randn, type Tensor } from "../../src/torch/mod.ts";
import { near } from "../support/near.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const KINDS = ["lora", "dora", "lokr"] as const;

function layerOf(outFeatures = 12, inFeatures = 8): Linear {
  using generator = Generator.seeded(9);
  const weight = randn([outFeatures, inFeatures], { generator });
  return new Linear({ weight, bias: undefined, path: "a.b", inFeatures, outFeatures });
}

function fresh(layer: Linear, options: Partial<FreshOptions> = {}): AdapterData {
  using generator = Generator.seeded(1);
  return freshAdapter(layer, { kind: "lora", rank: 2, alpha: 2, generator, ...options });
}

function inputs(): Tensor {
  using generator = Generator.seeded(2);
  return randn([5, 8], { generator });
}

const hang = (layer: Linear, data: AdapterData, dropout?: AdapterDropout): AdapterSet =>
  AdapterSet.apply([layer], { modules: new Map([["a.b", data]]), name: "t", dropout });

Deno.test("every kind starts without effect, and each of its tensors but those behind a zero gets a gradient", () => {
  leakFree(() => {
    for (const kind of KINDS) {
      const layer = layerOf(), x = inputs();
      const plain = layer.forward(x);
      using set = hang(layer, fresh(layer, { kind, factor: 4 }));
      near(layer.forward(x), plain.toNumbers(), 1e-5);
      const params = [...set.params.values()];
      for (const param of params) param.setRequiresGrad(true);
      const gradients = grad([layer.forward(x).square().sum([])], params);
      const moving = [...set.params.keys()].filter((_, i) => (gradients[i]?.norm().item() ?? 0) > 0);
      const wanted = { lora: ["a.b.lora_B.weight"], dora: ["a.b.lora_B.weight", "a.b.magnitude"], lokr: ["a.b.w2"] };
      assert.deepEqual(moving, wanted[kind], kind);
    }
  });
});

Deno.test("a DoRA in training follows its factors: its lengths are those of the step, not of the first", () => {
  leakFree(() => {
    const layer = layerOf(), x = inputs();
    using set = hang(layer, fresh(layer, { kind: "dora" }));
    for (const param of set.params.values()) param.setRequiresGrad(true);
    layer.forward(x); // would remember the lengths
    const { up, magnitude } = set.modules.get("a.b")?.tensors ?? {};
    assert(up !== undefined && magnitude !== undefined);
    noGrad(() => up.fill_(0.5));
    // With magnitudes as they are, each row of W' keeps the length that W had.
    const [adapter] = set.adapters.get("a.b") ?? [];
    const change = noGrad(() => adapter?.weightChange(layer.weight));
    assert(change !== undefined);
    const adapted = layer.weight.add(change);
    near(adapted.square().sum([1]).sqrt(), magnitude.detach().toNumbers(), 1e-5);
    near(noGrad(() => layer.forward(x)), x.matmul(adapted.transpose(0, 1)).toNumbers(), 1e-4);
  });
});

Deno.test("a LoKr's factors have the sides of LyCORIS, and its second one is a product where the rank is small", () => {
  leakFree(() => {
    const shapes = (options: Partial<FreshOptions>, layer: Linear): Record<string, readonly number[]> =>
      Object.fromEntries(
        Object.entries(fresh(layer, { kind: "lokr", ...options }).tensors).map((
          [part, tensor],
        ) => [part, tensor.shape]),
      );
    // lycoris.functional.factorization(360, 8) = (8, 45), (128, 8) = (8, 16); of -1: (18, 20), (8, 16)
    const layer = layerOf(360, 128);
    assert.deepEqual(shapes({ factor: 8, rank: 4 }, layer), { w1: [8, 8], w2_a: [45, 4], w2_b: [4, 16] });
    assert.deepEqual(shapes({ factor: 8, rank: 23 }, layer), { w1: [8, 8], w2: [45, 16] });
    assert.deepEqual(shapes({ factor: "balanced", rank: 2 }, layer), { w1: [18, 8], w2_a: [20, 2], w2_b: [2, 16] });
  });
});

Deno.test("dropout drops a share of the adapter's inputs, the same for a seed, and nothing when not training", () => {
  leakFree(() => {
    const layer = layerOf(), x = inputs();
    const dropout = new AdapterDropout(0.5);
    const data = fresh(layer);
    data.tensors.up?.fill_(1);
    using _set = hang(layer, data, dropout);
    const whole = layer.forward(x);
    const dropped = (seed: bigint): Tensor => {
      dropout.begin(() => seed);
      const y = layer.forward(x);
      dropout.end();
      return y;
    };
    const first = dropped(1n);
    assert(!first.equal(whole));
    assert(dropped(1n).equal(first));
    assert(!dropped(2n).equal(first));
    assert(layer.forward(x).equal(whole));
    const seen = dropout.apply(x, "a.b");
    assert(seen === x);
    dropout.begin(() => 3n);
    const values = dropout.apply(x.fill_(1) ?? x, "a.b").toNumbers();
    assert.deepEqual([...new Set(values)].sort(), [0, 2]); // those that stay are twice as large
    dropout.end();
  });
});

Deno.test("capNorm() scales a change back to the norm allowed, and leaves a smaller one as it is to the bit", () => {
  leakFree(() => {
    using generator = Generator.seeded(4);
    for (const [kind, rank] of [["lora", 2], ["lokr", 1], ["lokr", 8]] as const) {
      const layer = layerOf();
      const data = fresh(layer, { kind, rank, alpha: 3, factor: 4 });
      for (const tensor of Object.values(data.tensors)) tensor.copy_(randn(tensor.shape, { generator }));
      using set = hang(layer, data);
      const [adapter] = set.adapters.get("a.b") ?? [];
      const owned = set.modules.get("a.b");
      assert(adapter !== undefined && owned !== undefined);
      const norm = (): number => adapter.weightChange(layer.weight)?.norm().item() ?? NaN;
      const before = [...set.params.values()].map((param) => param.toNumbers());
      capNorm(owned, norm() * 1.01);
      assert.deepEqual([...set.params.values()].map((param) => param.toNumbers()), before);
      capNorm(owned, 0.25);
      assert(Math.abs(norm() - 0.25) < 1e-5, `${kind} of rank ${rank}: ${norm()}`);
    }
  });
});
