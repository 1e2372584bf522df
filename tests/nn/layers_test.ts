import assert from "node:assert/strict";
import { adaptersOf, buildModel, freshAdapter, LayerNorm, Linear, Lora, RmsNorm } from "../../src/nn/mod.ts";
import { Generator, grad, ones, type Tensor, tensor } from "../../src/torch/mod.ts";
import { near } from "../support/near.ts";
import { sourceOf } from "../support/params.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

/** A linear layer 3 → 2 with weights 0 … 5 and bias 10, 20. */
function someLinear(dtype: "float32" | "bfloat16" = "float32"): Linear {
  const weight = tensor([0, 1, 2, 3, 4, 5], { shape: [2, 3], dtype }), bias = tensor([10, 20], { dtype });
  return new Linear({ weight, bias, path: "blocks.0.to_q", inFeatures: 3, outFeatures: 2 });
}

Deno.test("Linear.forward() is x·Wᵀ + b over leading dimensions of any number", () => {
  leakFree(() => {
    const layer = someLinear();
    assert.deepEqual(layer.forward(tensor([1, 1, 1])).toNumbers(), [13, 32]);
    assert.deepEqual(layer.forward(ones([4, 5, 3])).shape, [4, 5, 2]);
  });
});

Deno.test("Linear.forward() computes and returns in the weight's type", () => {
  leakFree(() => {
    assert.equal(someLinear("bfloat16").forward(ones([1, 3])).dtype, "bfloat16");
    assert.equal(someLinear("float32").forward(ones([1, 3], { dtype: "bfloat16" })).dtype, "float32");
  });
});

Deno.test("Lora adds strength · alpha / rank · B·A·x", () => {
  leakFree(() => {
    const layer = someLinear();
    const lora = new Lora({
      down: tensor([1, 2, 3], { shape: [1, 3] }),
      up: tensor([1, -1], { shape: [2, 1] }),
      alpha: 4,
    });
    layer.adapters.push(lora);
    assert.deepEqual(layer.forward(tensor([1, 1, 1])).toNumbers(), [13 + 24, 32 - 24]);
    lora.strength = 0.5;
    assert.deepEqual(layer.forward(tensor([1, 1, 1])).toNumbers(), [13 + 12, 32 - 12]);
    assert.deepEqual([...lora.params.keys()], ["lora_A.weight", "lora_B.weight"]);
    assert.deepEqual([lora.rank, lora.alpha], [1, 4]);
  });
});

Deno.test("Lora on a bfloat16 layer keeps its matrices and their gradients in float32", () => {
  leakFree(() => {
    const layer = someLinear("bfloat16");
    using generator = Generator.seeded(1);
    const [lora] = adaptersOf(freshAdapter(layer, { kind: "lora", rank: 2, alpha: 2, generator }), layer);
    assert(lora instanceof Lora);
    layer.adapters.push(lora);
    lora.down.setRequiresGrad(true);
    lora.up.fill_(0.1);
    lora.up.setRequiresGrad(true);
    const y = layer.forward(ones([1, 3]));
    assert.equal(y.dtype, "bfloat16");
    const gradients = grad([y.float().sum()], [lora.down, lora.up]) as Tensor[];
    assert.deepEqual(gradients.map(({ dtype }) => dtype), ["float32", "float32"]);
    assert(gradients.every((gradient) => gradient.norm().item() > 0));
  });
});

Deno.test("freshAdapter() starts a LoRA without effect, with A uniform in ±1/√in", () => {
  leakFree(() => {
    const layer = new Linear({ weight: ones([8, 100]), bias: undefined, path: "x", inFeatures: 100, outFeatures: 8 });
    using generator = Generator.seeded(5);
    const [lora] = adaptersOf(freshAdapter(layer, { kind: "lora", rank: 50, alpha: 1, generator }), layer);
    assert(lora instanceof Lora);
    assert.deepEqual([lora.down.shape, lora.up.shape], [[50, 100], [8, 50]]);
    const values = lora.down.toNumbers();
    assert(values.every((value) => Math.abs(value) <= 0.1));
    assert(Math.max(...values) > 0.099 && Math.min(...values) < -0.099);
    // A uniform distribution on ±b has variance b²/3.
    assert(Math.abs(lora.down.square().mean().item() - 0.01 / 3) < 2e-4);
    assert.equal(lora.delta(ones([2, 100])).norm().item(), 0);
  });
});

Deno.test("LayerNorm runs in float32 and returns it", () => {
  leakFree(() => {
    const x = tensor([1, 2, 3, 6], { dtype: "bfloat16" });
    const plain = LayerNorm.plain({ width: 4, eps: 0 }).forward(x);
    assert.equal(plain.dtype, "float32");
    const deviation = Math.sqrt(14 / 4); // mean 3, squares 4 1 0 9
    near(plain, [-2, -1, 0, 3].map((v) => v / deviation));
    const source = sourceOf({ weight: tensor([1, 1, 1, 2]), bias: tensor([5, 5, 5, 5]) });
    const { model } = buildModel(source, { what: "norm", build: (p) => LayerNorm.load(p, { width: 4, eps: 0 }) });
    assert(Math.abs((model.forward(x).toNumbers()[3] ?? 0) - (5 + 6 / deviation)) < 1e-5);
  });
});

Deno.test("RmsNorm returns its input's type, with statistics in float32", () => {
  leakFree(() => {
    const source = sourceOf({ weight: tensor([1, 2]) });
    const { model } = buildModel(source, { what: "norm", build: (p) => RmsNorm.load(p, { width: 2, eps: 0 }) });
    const y = model.forward(tensor([3, 4]));
    near(y, [3, 8].map((v) => v / Math.sqrt(12.5)));
    // Squares of 300 fit into bfloat16; the sum of 4096 of them, taken there, would stop growing early.
    const many = buildModel(sourceOf({ weight: ones([4096]) }), {
      what: "norm",
      build: (p) => RmsNorm.load(p, { width: 4096, eps: 0 }),
    });
    const flat = many.model.forward(ones([4096], { dtype: "bfloat16" }).mul(300));
    assert.equal(flat.dtype, "bfloat16");
    assert(flat.toNumbers().every((value) => value === 1));
  });
});
