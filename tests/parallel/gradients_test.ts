import assert from "node:assert/strict";
import { clipGradients, GradientStore, totalNorm } from "../../src/parallel/mod.ts";
import { full, liveHandles, ones, tensor, tidy, zeros } from "../../src/torch/mod.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

Deno.test("GradientStore sums gradients in the order of its parameters", () => {
  leakFree(() => {
    const a = zeros([2]), b = zeros([1]);
    using store = new GradientStore([a, b]);
    store.add(b, tensor([5]));
    store.add(a, tensor([1, 2]));
    store.add(a, tensor([10, 20]));
    assert.deepEqual(store.all().map((x) => x.toNumbers()), [[11, 22], [5]]);
  });
});

Deno.test("GradientStore owns its sums: one tensor for two parameters is two sums", () => {
  leakFree(() => {
    const a = zeros([2]), b = zeros([2]), gradient = tensor([1, 2]);
    using store = new GradientStore([a, b]);
    store.add(a, gradient.alias());
    store.add(b, gradient);
    store.add(a, tensor([1, 1]));
    const [first, second] = store.all();
    first?.mul_(10);
    assert.deepEqual([first?.toNumbers(), second?.toNumbers()], [[20, 30], [1, 2]]);
  });
});

Deno.test("GradientStore takes over a gradient whose elements nobody else has, and copies any other", () => {
  leakFree(() => {
    const a = zeros([2, 2]), whole = ones([2, 4]);
    const [sole, part, turned, spread] = [
      ones([2, 2]),
      whole.narrow(1, 0, 2),
      ones([2, 2]).t(),
      ones([1, 2]).expand([2, 2]),
    ];
    assert.deepEqual([sole, part, turned, spread].map(({ isSole }) => isSole), [true, false, false, false]);
    for (const gradient of [sole, part, turned, spread]) {
      using store = new GradientStore([a]);
      store.add(a, gradient);
      store.add(a, ones([2, 2]));
      assert.deepEqual(store.all()[0]?.toNumbers(), [2, 2, 2, 2]);
    }
    assert.deepEqual([sole.toNumbers()[0], whole.toNumbers()[0]], [2, 1]);
  });
});

Deno.test("A view is sole where what it was made of is nobody else's", () => {
  leakFree(() => {
    const back = tidy(() => ones([2, 3]).t().t());
    const twins = tidy(() => {
      const base = ones([2, 2]);
      return [base.view([2, 2]), base.view([2, 2])];
    });
    const part = tidy(() => ones([2, 2]).narrow(0, 0, 1));
    assert.deepEqual([back, ...twins, part].map(({ isSole }) => isSole), [true, false, false, false]);
  });
});

Deno.test("GradientStore outlives the scope a gradient was made in, until it is cleared", () => {
  leakFree(() => {
    const a = zeros([1]);
    using store = new GradientStore([a]);
    const before = liveHandles();
    tidy(() => store.add(a, full([1], 3)));
    assert.deepEqual(store.all()[0]?.toNumbers(), [3]);
    assert.equal(liveHandles(), before + 1);
    store.clear();
    assert.equal(liveHandles(), before);
    assert.throws(() => store.all(), { name: "TypeError", message: "no gradient reached trained tensor 0 [1]" });
  });
});

Deno.test("totalNorm() is the norm of all gradients together", () => {
  leakFree(() => {
    const norm = totalNorm([tensor([3, 0]), tensor([4], { shape: [1, 1] }), tensor([12])]);
    assert.deepEqual([norm.item(), norm.shape, norm.dtype], [13, [], "float32"]);
  });
});

Deno.test("clipGradients() scales to the norm asked for and leaves smaller ones as they are", () => {
  leakFree(() => {
    // torch.nn.utils.clip_grad_norm_: the factor is max_norm / (norm + 1e-6), at most 1
    const large = [tensor([3]), tensor([4])], small = [tensor([0.3]), tensor([0.4])];
    for (const gradients of [large, small]) clipGradients(gradients, { norm: totalNorm(gradients), maxNorm: 1 });
    const factor = Math.fround(1 / (5 + 1e-6));
    large.forEach((x, i) => assert(Math.abs(x.item() - (3 + i) * factor) < 1e-6));
    assert.deepEqual(small.map((x) => x.item()), [0.3, 0.4].map(Math.fround));
  });
});

Deno.test("clipGradients() lets NaN through, so that the step can be refused", () => {
  leakFree(() => {
    const gradients = [tensor([NaN, 1])];
    clipGradients(gradients, { norm: totalNorm(gradients), maxNorm: 1 });
    assert(gradients[0]?.toNumbers().every(Number.isNaN));
  });
});
