import assert from "node:assert/strict";
import { Generator, grad, hostLinear, linear, randn, type Tensor } from "../../src/torch/mod.ts";
import { off } from "../support/near.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

/** bfloat16 keeps 8 bits: a rounded sum is off by up to 2^-9, and the wanted one here is not rounded. */
const ROUNDING = 4e-3;

Deno.test("hostLinear() gives bfloat16 products and gradients as exact as their type, for few rows and many", () => {
  leakFree(() => {
    using generator = Generator.seeded(1);
    for (const rows of [3, 16, 40]) {
      for (const biased of [true, false]) {
        const [x, weight, bias] = [[2, rows, 48], [96, 48], [96]].map((shape) =>
          randn(shape, { generator }).to({ dtype: "bfloat16" })
        ) as [Tensor, Tensor, Tensor];
        const wide = [x, weight, bias].map((y) => y.float()) as [Tensor, Tensor, Tensor];
        const inputs = biased ? [x, weight, bias] : [x, weight], wideInputs = biased ? wide : wide.slice(0, 2);
        for (const y of [...inputs, ...wideInputs]) y.setRequiresGrad(true);
        const seed = randn([2, rows, 96], { generator }).to({ dtype: "bfloat16" });
        const y = hostLinear(x, weight, biased ? bias : undefined);
        const wanted = linear(wide[0], wide[1], biased ? wide[2] : undefined);
        assert.equal(y.dtype, "bfloat16");
        assert(off(y, wanted) < ROUNDING, `${off(y, wanted)}`);
        const found = grad([y], inputs, { outputGrads: [seed] });
        grad([wanted], wideInputs, { outputGrads: [seed.float()] }).forEach((gradient, i) => {
          const gap = off(found[i] as Tensor, gradient as Tensor);
          assert(gap < ROUNDING, `${rows} rows, gradient ${i}: ${gap}`);
        });
      }
    }
  });
});

Deno.test("hostLinear() with a frozen weight gives the input its gradient", () => {
  leakFree(() => {
    using generator = Generator.seeded(2);
    const [x, weight] = [[20, 48], [96, 48]].map((shape) => randn(shape, { generator }).to({ dtype: "bfloat16" })) as [
      Tensor,
      Tensor,
    ];
    x.setRequiresGrad(true);
    const y = hostLinear(x, weight);
    const [dx] = grad([y.float().sum()], [x]);
    assert(off(dx as Tensor, weight.float().sum([0], true).expand([20, 48])) < ROUNDING);
  });
});
