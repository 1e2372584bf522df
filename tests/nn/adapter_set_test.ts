/**
 * Adapters of all kinds: what they add to a layer's output is what they add to its weight, and the weights are those that the
 * formulas give, written out here with plain numbers.
 */
import assert from "node:assert/strict";
import { WeightsError } from "../../src/base/mod.ts";
import { type AdapterData, AdapterSet, adaptersOf, Linear, mergeAdapters, mergeBias } from "../../src/nn/mod.ts";
import { Generator, linear, ones, randn, type Tensor, tensor, zeros } from "../../src/torch/mod.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const OUT = 6, IN = 8;

function draw(seed: number): (...shape: number[]) => Tensor {
  let next = seed * 1000;
  return (...shape) => {
    using own = Generator.seeded(next++);
    return randn(shape, { generator: own });
  };
}

function layerOf(make: ReturnType<typeof draw>): Linear {
  return new Linear({ weight: make(OUT, IN), bias: make(OUT), path: "a.b", inFeatures: IN, outFeatures: OUT });
}

/** One adapter of each kind and shape. */
function everyKind(make: ReturnType<typeof draw>): Record<string, AdapterData> {
  const lora = { down: make(2, IN), up: make(OUT, 2) };
  return {
    lora: { kind: "lora", tensors: lora, alpha: 4 },
    "lora with bias": { kind: "lora", tensors: { ...lora, bias: make(OUT) }, alpha: 1 },
    "lokr, both whole": { kind: "lokr", tensors: { w1: make(2, 4), w2: make(3, 2) }, alpha: 7 },
    "lokr, second a product": {
      kind: "lokr",
      tensors: { w1: make(3, 2), w2_a: make(2, 3), w2_b: make(3, 4) },
      alpha: 1.5,
    },
    "lokr, both products": {
      kind: "lokr",
      tensors: { w1_a: make(2, 2), w1_b: make(2, 2), w2_a: make(3, 2), w2_b: make(2, 4) },
      alpha: 1,
    },
    loha: {
      kind: "loha",
      tensors: { w1_a: make(OUT, 2), w1_b: make(2, IN), w2_a: make(OUT, 3), w2_b: make(3, IN) },
      alpha: 1,
    },
    "loha without alpha": {
      kind: "loha",
      tensors: { w1_a: make(OUT, 2), w1_b: make(2, IN), w2_a: make(OUT, 2), w2_b: make(2, IN) },
    },
    diff: { kind: "diff", tensors: { weight: make(OUT, IN), bias: make(OUT) } },
    "diff of the bias": { kind: "diff", tensors: { bias: make(OUT) } },
    "dora by rows": { kind: "lora", tensors: { ...lora, magnitude: make(OUT, 1).abs() }, alpha: 2 },
    "dora of peft": { kind: "lora", tensors: { ...lora, magnitude: make(OUT).abs() }, alpha: 2 },
    "dora by columns": { kind: "lora", tensors: { ...lora, magnitude: make(1, IN).abs() }, alpha: 2 },
    "dora around lokr": {
      kind: "lokr",
      tensors: { w1: make(2, 4), w2: make(3, 2), magnitude: make(OUT, 1).abs() },
    },
  };
}

function close(a: Tensor, b: Tensor, what: string): void {
  const gap = a.sub(b).abs().amax([]).item();
  assert.ok(gap <= 1e-5 * (1 + b.abs().amax([]).item()), `${what}: ${gap}`);
}

Deno.test("beside a layer and merged into its weight, every kind gives the same output", () => {
  leakFree(() => {
    const make = draw(1);
    for (const [name, data] of Object.entries(everyKind(make))) {
      for (const strength of [1, 0.4]) {
        const layer = layerOf(make), x = make(2, 5, IN);
        const plain = layer.forward(x);
        {
          using set = AdapterSet.apply([layer], { modules: new Map([["a.b", data]]), name, strength });
          const adapters = set.adapters.get("a.b") ?? assert.fail();
          const weight = mergeAdapters(layer.weight, adapters), bias = mergeBias(layer.bias as Tensor, adapters);
          assert.ok(!layer.forward(x).equal(plain));
          close(layer.forward(x), linear(x, weight, bias), `${name} at ${strength}`);
        }
        assert.ok(layer.forward(x).equal(plain), `${name} was taken off`);
      }
    }
  });
});

Deno.test("the merged weights are those of the formulas", () => {
  leakFree(() => {
    const weight = zeros([4, 4]);
    const merged = (data: AdapterData): number[] => mergeAdapters(weight, adaptersOf(data, { weight })).toNumbers();
    const [m, n] = [tensor([1, 2, 3, 4], { shape: [2, 2] }), tensor([0, 5, 6, 7], { shape: [2, 2] })];
    // numpy.kron([[1, 2], [3, 4]], [[0, 5], [6, 7]])
    const kron = [0, 5, 0, 10, 6, 7, 12, 14, 0, 15, 0, 20, 18, 21, 24, 28];
    assert.deepEqual(merged({ kind: "lokr", tensors: { w1: m, w2: n }, alpha: 9 }), kron);
    const identity = tensor([1, 0, 0, 1], { shape: [2, 2] });
    const half = { kind: "lokr" as const, tensors: { w1: m, w2_a: n, w2_b: identity }, alpha: 1 };
    assert.deepEqual(merged(half), kron.map((value) => value / 2));
    const column = ones([4, 1]), row = tensor([1, 2, 3, 4], { shape: [1, 4] });
    const loha = { w1_a: column, w1_b: row, w2_a: column.mul(2), w2_b: row };
    assert.deepEqual(merged({ kind: "loha", tensors: loha, alpha: 0.5 }).slice(0, 4), [1, 4, 9, 16]);
    assert.deepEqual(merged({ kind: "lora", tensors: { down: row, up: column }, alpha: 3 }).slice(4, 8), [3, 6, 9, 12]);
  });
});

Deno.test("a DoRA gives rows their lengths, and its strength goes from the old weight to the new", () => {
  leakFree(() => {
    const weight = tensor([3, 4, 0, 5], { shape: [2, 2] });
    const lora = { down: zeros([1, 2]), up: zeros([2, 1]) };
    const of = (magnitude: Tensor, strength = 1): number[] => {
      const [adapter] = adaptersOf({ kind: "lora", tensors: { ...lora, magnitude }, alpha: 1 }, { weight });
      assert.ok(adapter !== undefined);
      adapter.strength = strength;
      return mergeAdapters(weight, [adapter]).toNumbers().map((value) => Math.round(value * 1e5) / 1e5);
    };
    assert.deepEqual(of(tensor([10, 1])), [6, 8, 0, 1]); // rows of lengths 5 and 5
    assert.deepEqual(of(tensor([10, 1]), 0.5), [4.5, 6, 0, 3]);
    assert.deepEqual(of(tensor([6, 0], { shape: [1, 2] })), [6, 0, 0, 0]); // the first column has length 3
  });
});

Deno.test("several adapters add up", () => {
  leakFree(() => {
    const make = draw(2), layer = layerOf(make), x = make(3, IN);
    const kinds = everyKind(make), plain = layer.forward(x);
    const apply = (name: string): AdapterSet =>
      AdapterSet.apply([layer], { modules: new Map([["a.b", kinds[name] as AdapterData]]), name, strength: 0.5 });
    const added = ["lora", "loha"].map((name) => {
      using _set = apply(name);
      return layer.forward(x).sub(plain);
    });
    using _first = apply("lora"), _second = apply("loha");
    close(layer.forward(x), plain.add(added[0] as Tensor).add(added[1] as Tensor), "sum");
  });
});

Deno.test("differences of other parameters are added in place and taken back exactly", () => {
  leakFree(() => {
    const make = draw(3), norm = make(4), table = make(1, 6, 4).to({ dtype: "bfloat16" });
    const params = new Map([["n.weight", norm], ["n.bias", make(4)], ["t", table]]);
    const before = [norm.clone(), table.clone()];
    const modules = new Map<string, AdapterData>([
      ["n", { kind: "diff", tensors: { weight: ones([4]), bias: ones([4]) } }],
      ["t", { kind: "diff", tensors: { weight: ones([1, 6, 4]) } }],
    ]);
    {
      using _set = AdapterSet.apply([], { modules, name: "d", strength: 2, params });
      close(norm, (before[0] as Tensor).add(2), "norm");
      assert.ok(!table.equal(before[1] as Tensor));
    }
    assert.ok(norm.equal(before[0] as Tensor) && table.equal(before[1] as Tensor));
  });
});

Deno.test("what does not belong to the model is refused by name, and nothing is left on it", () => {
  leakFree(() => {
    const make = draw(4), layer = layerOf(make);
    const kinds = everyKind(make);
    const refuses = (modules: Record<string, AdapterData>, message: RegExp): void => {
      assert.throws(
        () => AdapterSet.apply([layer], { modules: new Map(Object.entries(modules)), name: "f" }),
        (error) => {
          assert.ok(error instanceof WeightsError);
          assert.match(error.message, message);
          return true;
        },
      );
      assert.equal(layer.adapters.length, 0);
    };
    const lora = kinds.lora as AdapterData;
    refuses(
      Object.fromEntries(Array.from({ length: 3 }, (_, i) => [`blocks.${i}.x`, lora])),
      /not layers of this model: blocks\.\{0\.\.2\}\.x \(3 modules\)/,
    );
    refuses(
      { "a.b": { kind: "lora", tensors: { down: make(2, 7), up: make(OUT, 2) }, alpha: 1 } },
      /A \[2, 7\], B \[6, 2\]/,
    );
    refuses({ "a.b": { kind: "lokr", tensors: { w1: make(2, 2), w2: make(2, 2) } } }, /w1 \[2, 2\] ⊗ w2 \[2, 2\]/);
    refuses({ "a.b": { kind: "diff", tensors: { weight: make(OUT) } } }, /a difference \[6\]/);
    refuses({ "a.b": { ...lora, tensors: { ...lora.tensors, magnitude: make(5) } } }, /magnitude \[5\]/);
    refuses({ "a.b": { ...lora, tensors: { ...lora.tensors, bias: make(5) } } }, /bias \[5\]/);
    refuses({ n: { kind: "diff", tensors: { weight: ones([4]) } } }, /n\.weight/);
  });
});
