import assert from "node:assert/strict";
import {
  arange,
  cat,
  complex,
  conv2d,
  conv3d,
  embedding,
  full,
  gelu,
  interpolateNearest,
  layerNorm,
  linear,
  mseLoss,
  ones,
  pad,
  rmsNorm,
  scaledDotProductAttention,
  silu,
  stack,
  type Tensor,
  tensor,
  where,
  zeros,
} from "../../src/torch/mod.ts";
import { near } from "../support/near.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const grid = (): Tensor => arange(6).reshape([2, 3]); // [[0, 1, 2], [3, 4, 5]]

Deno.test("arithmetic takes tensors and numbers", () => {
  leakFree(() => {
    const x = tensor([1, 2, 3]), y = tensor([4, 5, 8]);
    assert.deepEqual(x.add(y).toNumbers(), [5, 7, 11]);
    assert.deepEqual(x.add(y, 2).toNumbers(), [9, 12, 19]);
    assert.deepEqual(x.add(1).toNumbers(), [2, 3, 4]);
    assert.deepEqual(y.sub(x).toNumbers(), [3, 3, 5]);
    assert.deepEqual(y.sub(0.5).toNumbers(), [3.5, 4.5, 7.5]);
    assert.deepEqual(x.rsub(1).toNumbers(), [0, -1, -2]);
    assert.deepEqual(x.mul(y).toNumbers(), [4, 10, 24]);
    assert.deepEqual(x.mul(-2).toNumbers(), [-2, -4, -6]);
    assert.deepEqual(y.div(x).toNumbers(), [4, 2.5, Math.fround(8 / 3)]);
    assert.deepEqual(y.div(2).toNumbers(), [2, 2.5, 4]);
    assert.deepEqual(x.addcmul(x, y, 0.5).toNumbers(), [3, 7, 15]);
    assert.deepEqual(x.maximum(y.rsub(6)).toNumbers(), [2, 2, 3]);
    assert.deepEqual(x.minimum(y.rsub(6)).toNumbers(), [1, 1, -2]);
  });
});

Deno.test("whole numbers leave integer tensors integers, fractions do not", () => {
  leakFree(() => {
    const x = tensor([1, 2], { dtype: "int64" });
    assert.equal(x.mul(2).dtype, "int64");
    assert.equal(x.add(3).dtype, "int64");
    assert.equal(x.mul(0.5).dtype, "float32");
    assert.equal(x.div(2).dtype, "float32");
  });
});

Deno.test("functions of one tensor", () => {
  leakFree(() => {
    const x = tensor([0.25, 1, 2.25]);
    near(x.neg(), [-0.25, -1, -2.25]);
    near(x.neg().abs(), [0.25, 1, 2.25]);
    near(x.pow(3), [0.015625, 1, 11.390625]);
    near(x.square(), [0.0625, 1, 5.0625]);
    near(x.sqrt(), [0.5, 1, 1.5]);
    near(x.rsqrt(), [2, 1, 2 / 3]);
    near(x.reciprocal(), [4, 1, 4 / 9]);
    near(x.exp(), [0.25, 1, 2.25].map(Math.exp));
    near(x.log(), [0.25, 1, 2.25].map(Math.log));
    near(x.sin(), [0.25, 1, 2.25].map(Math.sin));
    near(x.cos(), [0.25, 1, 2.25].map(Math.cos));
    near(x.tanh(), [0.25, 1, 2.25].map(Math.tanh));
    near(x.sigmoid(), [0.25, 1, 2.25].map((v) => 1 / (1 + Math.exp(-v))));
    near(tensor([0.5]).erfinv(), [0.4769362762044699]);
    const y = tensor([-1.5, -0.5, 0.5, 1.7]);
    assert.deepEqual(y.floor().toNumbers(), [-2, -1, 0, 1]);
    assert.deepEqual(y.round().toNumbers(), [-2, -0, 0, 2]);
    assert.deepEqual(y.trunc().toNumbers(), [-1, -0, 0, 1]);
    assert.deepEqual(y.clamp(-1, 1).toNumbers(), [-1, -0.5, 0.5, 1]);
    assert.deepEqual(y.clamp(undefined, 0).toNumbers(), [-1.5, -0.5, 0, 0]);
  });
});

Deno.test("comparisons give bool", () => {
  leakFree(() => {
    const x = tensor([1, 2, 3]), y = tensor([3, 2, 1]);
    const cases: [Tensor, number[]][] = [
      [x.eq(y), [0, 1, 0]],
      [x.ne(y), [1, 0, 1]],
      [x.lt(y), [1, 0, 0]],
      [x.le(y), [1, 1, 0]],
      [x.gt(2), [0, 0, 1]],
      [x.ge(2), [0, 1, 1]],
      [x.eq(2).logicalNot(), [1, 0, 1]],
      [tensor([1, NaN, Infinity]).isfinite(), [1, 0, 0]],
      [tensor([1, NaN, Infinity]).isnan(), [0, 1, 0]],
    ];
    for (const [found, wanted] of cases) {
      assert.equal(found.dtype, "bool");
      assert.deepEqual(found.toNumbers(), wanted);
    }
    assert.equal(x.equal(x.clone()), true);
    assert.equal(x.equal(y), false);
  });
});

Deno.test("reductions run over all dimensions or the named ones", () => {
  leakFree(() => {
    const x = grid();
    assert.equal(x.sum().item(), 15);
    assert.deepEqual(x.sum([0]).toNumbers(), [3, 5, 7]);
    assert.deepEqual(x.sum([1], true).shape, [2, 1]);
    assert.equal(x.mean().item(), 2.5);
    assert.deepEqual(x.mean([1]).toNumbers(), [1, 4]);
    assert.deepEqual(x.amax([1]).toNumbers(), [2, 5]);
    assert.equal(x.amin().item(), 0);
    assert.equal(x.argmax().item(), 5);
    assert.deepEqual(x.argmax(0).toNumbers(), [1, 1, 1]);
    assert.equal(x.gt(4).any().item(), 1);
    assert.equal(x.gt(4).all().item(), 0);
    assert.deepEqual(x.cumsum(1).toNumbers(), [0, 1, 3, 3, 7, 12]);
    near(x.norm(), [Math.sqrt(55)]);
    near(x.norm([1]), [Math.sqrt(5), Math.sqrt(50)]);
    assert.equal(x.norm(undefined, false, "float64").dtype, "float64");
  });
});

Deno.test("shapes change without a copy: writing to a view writes to its base", () => {
  leakFree(() => {
    const x = grid();
    const views = [
      x.view([3, 2]),
      x.t(),
      x.select(0, 1),
      x.narrow(1, 1, 2),
      x.slice(1, 0, 3, 2),
      x.unsqueeze(0),
      x.flatten(),
    ];
    for (const view of views) view.add_(1);
    // four views see every element; the others see row 1, the right two columns, and the outer two
    assert.deepEqual(x.toNumbers(), [5, 6, 8, 9, 10, 12]);
    assert.deepEqual(views.map(({ shape }) => shape), [[3, 2], [3, 2], [3], [2, 2], [2, 2], [1, 2, 3], [6]]);
  });
});

Deno.test("shape methods follow libtorch", () => {
  leakFree(() => {
    const x = grid();
    assert.deepEqual(x.reshape([3, -1]).shape, [3, 2]);
    assert.deepEqual(x.permute([1, 0]).toNumbers(), [0, 3, 1, 4, 2, 5]);
    assert.deepEqual(x.transpose(0, 1).isContiguous, false);
    assert.deepEqual(x.transpose(0, 1).contiguous().isContiguous, true);
    assert.deepEqual(x.unsqueeze(-1).squeeze(-1).shape, [2, 3]);
    assert.deepEqual(x.unsqueeze(0).expand([4, 2, 3]).shape, [4, 2, 3]);
    assert.deepEqual(x.select(1, -1).toNumbers(), [2, 5]);
    assert.deepEqual(x.split(2, 1).map((part) => part.shape), [[2, 2], [2, 1]]);
    assert.deepEqual(x.chunk(2).map((part) => part.toNumbers()), [[0, 1, 2], [3, 4, 5]]);
    assert.deepEqual(x.unbind(1).map((part) => part.toNumbers()), [[0, 3], [1, 4], [2, 5]]);
    assert.deepEqual(x.repeat([1, 2]).shape, [2, 6]);
    assert.deepEqual(x.repeatInterleave(2, 1).toNumbers(), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
    assert.deepEqual(x.flip([0]).toNumbers(), [3, 4, 5, 0, 1, 2]);
    assert.deepEqual(x.indexSelect(1, tensor([2, 0], { dtype: "int64" })).toNumbers(), [2, 0, 5, 3]);
    assert.deepEqual(x.gather(1, tensor([2, 0], { dtype: "int64", shape: [2, 1] })).toNumbers(), [2, 3]);
    assert.deepEqual(x.maskedFill(x.gt(3), -1).toNumbers(), [0, 1, 2, 3, -1, -1]);
    assert.deepEqual([x.size(0), x.size(-1), x.ndim, x.numel], [2, 3, 2, 6]);
    assert.throws(() => x.size(2), { name: "RangeError", message: "a tensor of shape [2, 3] has no dimension 2" });
    assert.deepEqual(x.viewAs("int32").dtype, "int32");
  });
});

Deno.test("in-place methods change the tensor and return nothing", () => {
  leakFree(() => {
    const x = tensor([1, 2, 3]);
    const results: unknown[] = [];
    results.push(x.add_(1), x.add_(ones([3]), 2)); // 4 5 6
    results.push(x.sub_(tensor([1, 1, 1])), x.mul_(2), x.mul_(tensor([1, 2, 1])), x.div_(2)); // 3 8 5
    assert.deepEqual(x.toNumbers(), [3, 8, 5]);
    results.push(x.div_(tensor([3, 2, 5])), x.addcmul_(ones([3]), ones([3]), 0.5)); // 1.5 4.5 1.5
    results.push(x.clamp_(2, 4));
    assert.deepEqual(x.toNumbers(), [2, 4, 2]);
    results.push(x.copy_(tensor([7, 8, 9], { dtype: "int64" })));
    assert.deepEqual([x.toNumbers(), x.dtype], [[7, 8, 9], "float32"]);
    results.push(x.fill_(2.5));
    assert.deepEqual(x.toNumbers(), [2.5, 2.5, 2.5]);
    results.push(x.zero_());
    assert.deepEqual(x.toNumbers(), [0, 0, 0]);
    assert(results.every((result) => result === undefined));
  });
});

Deno.test("to() gives an alias when nothing changes, a copy on demand", () => {
  leakFree(() => {
    const x = tensor([1, 2]);
    const same = x.to({ dtype: "float32", device: "cpu" }),
      copy = x.to({ copy: true }),
      half = x.to({ dtype: "float16" });
    x.add_(1);
    assert.deepEqual([same.toNumbers(), copy.toNumbers(), half.toNumbers()], [[2, 3], [1, 2], [1, 2]]);
    same[Symbol.dispose]();
    assert.deepEqual(x.toNumbers(), [2, 3]);
  });
});

Deno.test("cat(), stack(), where() and pad() put tensors together", () => {
  leakFree(() => {
    const x = grid();
    assert.deepEqual(cat([x, x], 1).shape, [2, 6]);
    assert.deepEqual(stack([x, x], 2).shape, [2, 3, 2]);
    assert.deepEqual(where(x.gt(2), { a: x, b: x.neg() }).toNumbers(), [-0, -1, -2, 3, 4, 5]);
    assert.deepEqual(pad(tensor([1, 2]), [1, 2], 9).toNumbers(), [9, 1, 2, 9, 9]);
  });
});

Deno.test("neural network functions match PyTorch", () => {
  leakFree(() => {
    const x = tensor([-1, 0, 2]);
    // F.silu, F.gelu and F.gelu(approximate="tanh") of [-1, 0, 2]
    near(silu(x), [-0.26894143, 0, 1.76159418]);
    near(gelu(x, "none"), [-0.15865526, 0, 1.95449972]);
    near(gelu(x, "tanh"), [-0.15880799, 0, 1.95459771]);
    near(x.softmax(0), [0.04201007, 0.1141952, 0.84379473]);
    // F.layer_norm(x, (3,), w, b, 1e-6), F.rms_norm(x, (3,), w, 1e-6) with w = [1, 2, 3], b = [0, 0, 1]
    const weight = tensor([1, 2, 3]), bias = tensor([0, 0, 1]);
    near(layerNorm(x, [3], { weight, bias, eps: 1e-6 }), [-1.06904462, -0.53452231, 5.00891734]);
    near(rmsNorm(x, [3], { weight, eps: 1e-6 }), [-0.77459644, 0.0, 4.64757862]);
    near(linear(x, tensor([1, 2, 3, 0, 1, 0], { shape: [2, 3] }), tensor([10, 20])), [15, 20]);
    near(x.unsqueeze(0).matmul(x.unsqueeze(1)), [5]);
    near(mseLoss(x, zeros([3])), [5 / 3]);
    assert.deepEqual(embedding(grid(), tensor([1, 0, 1], { dtype: "int64" })).toNumbers(), [3, 4, 5, 0, 1, 2, 3, 4, 5]);
  });
});

Deno.test("convolutions take stride, padding and bias", () => {
  leakFree(() => {
    const x = arange(16).reshape([1, 1, 4, 4]);
    const y = conv2d(x, ones([1, 1, 2, 2]), { bias: tensor([1]), stride: [2, 2] });
    assert.deepEqual(y.toNumbers(), [11, 19, 43, 51]);
    assert.deepEqual(conv2d(x, ones([1, 1, 3, 3]), { padding: [1, 1] }).shape, [1, 1, 4, 4]);
    const z = conv3d(arange(8).reshape([1, 1, 2, 2, 2]), ones([3, 1, 2, 2, 2]), { stride: [1, 1, 1] });
    assert.deepEqual(z.toNumbers(), [28, 28, 28]);
  });
});

Deno.test("scaledDotProductAttention() equals its formula, with a mask too", () => {
  leakFree(() => {
    const make = (offset: number): Tensor => arange(24).add(offset).sin().reshape([1, 2, 3, 4]);
    const [q, k, v] = [make(0), make(7), make(31)];
    const mask = tensor([0, -1, -Infinity], { shape: [1, 1, 1, 3] });
    for (const [scale, bias] of [[0.5, undefined], [0.3, mask]] as const) {
      const scores = q.matmul(k.transpose(2, 3)).mul(scale);
      const wanted = (bias === undefined ? scores : scores.add(bias)).softmax(-1).matmul(v);
      near(scaledDotProductAttention(q, k, { v, mask: bias, scale }), wanted.toNumbers());
    }
  });
});

Deno.test("complex numbers come from pairs and turn back", () => {
  leakFree(() => {
    const turn = complex(tensor([0]), tensor([1])); // i
    const x = tensor([1, 2], { shape: [1, 2] }).viewAsComplex();
    assert.equal(x.dtype, "complex64");
    assert.deepEqual(x.mul(turn).viewAsReal().toNumbers(), [-2, 1]);
  });
});

Deno.test("interpolateNearest() repeats pixels", () => {
  leakFree(() => {
    const x = tensor([1, 2], { shape: [1, 1, 1, 2] });
    assert.deepEqual(interpolateNearest(x, [1, 4]).toNumbers(), [1, 1, 2, 2]);
  });
});

Deno.test("tensors of zero elements and of many dimensions work", () => {
  leakFree(() => {
    assert.equal(zeros([0, 3]).sum().item(), 0);
    const deep = full([1, 1, 1, 1, 1, 1, 1, 2], 3);
    assert.deepEqual([deep.ndim, deep.sum().item()], [8, 6]);
  });
});
