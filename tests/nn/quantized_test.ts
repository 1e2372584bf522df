import assert from "node:assert/strict";
import { isQuantizable, type Quantization, QuantizedWeight } from "../../src/nn/mod.ts";
import { enableGrad, Generator, grad, linear, randn, type Tensor, tensor, tidy, zeros } from "../../src/torch/mod.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const KINDS: readonly Quantization[] = ["fp8", "int8", "nf4"];

function noise(shape: readonly number[], seed: number): Tensor {
  using generator = Generator.seeded(seed);
  return randn(shape, { generator });
}

function off(found: Tensor, wanted: Tensor): number {
  return tidy(() => found.float().sub(wanted.float()).norm().item() / wanted.float().norm().item());
}

/** In float64, whose range has room for the squares. */
function off64(found: Tensor | undefined, wanted: Tensor | undefined): number {
  if (found === undefined || wanted === undefined) return NaN;
  return tidy(() =>
    found.sub(wanted).norm(undefined, false, "float64").item() / wanted.norm(undefined, false, "float64").item()
  );
}

/**
 * Relative error of a normally distributed weight of rows of 3072, measured: 0.0265, 0.0086, 0.0921. By theory: a mantissa of 3
 * bits rounds by 2^-4 / √3 · 0.73; steps of a row's largest (3.9 sigma) / 127 by that / √12; the quantiles are arXiv:2305.14314's.
 */
const BOUNDS: Record<Quantization, number> = { fp8: 0.028, int8: 0.0105, nf4: 0.096 };

for (const quantization of KINDS) {
  Deno.test(`${quantization} keeps a normal weight within ${BOUNDS[quantization]}, and exactly what it can say`, () => {
    leakFree(() => {
      const weight = noise([256, 3072], 1);
      const quantized = QuantizedWeight.of(weight, { quantization, dtype: "float32" });
      const error = off(quantized.dense(), weight);
      assert(error < BOUNDS[quantization] && error > BOUNDS[quantization] / 2, `off by ${error}`);
      const again = QuantizedWeight.of(quantized.dense(), { quantization, dtype: "float32" });
      assert(off(again.dense(), quantized.dense()) < 1e-6);
    });
  });

  Deno.test(`${quantization} takes rows of zeros, single spikes and numbers near the end of bfloat16`, () => {
    leakFree(() => {
      const weight = zeros([4, 64]);
      weight.select(0, 1).fill_(3e38);
      weight.select(0, 2).narrow(0, 5, 1).fill_(-1e-30);
      const quantized = QuantizedWeight.of(weight, { quantization, dtype: "float32" });
      assert.equal(quantized.dense().isfinite().all().item(), 1);
      for (const row of [1, 2]) {
        const [found, wanted] = [quantized.dense(), weight].map((x) => x.select(0, row).to({ dtype: "float64" }));
        assert(off64(found, wanted) < 1e-2, `row ${row}`);
      }
      assert.deepEqual(quantized.dense().select(0, 0).toNumbers(), new Array(64).fill(0));
    });
  });

  Deno.test(`${quantization}: product and gradient are those of the decoded weight`, () => {
    leakFree(() => {
      for (const dtype of ["float32", "bfloat16"] as const) {
        const quantized = QuantizedWeight.of(noise([96, 64], 2), { quantization, dtype });
        const x = noise([2, 5, 64], 3).to({ dtype }), arriving = noise([2, 5, 96], 4).to({ dtype });
        x.setRequiresGrad(true);
        const dense = quantized.dense();
        assert.equal(dense.dtype, dtype);
        const [y, wanted] = [enableGrad(() => quantized.product(x)), enableGrad(() => linear(x, dense))];
        const [[dx], [dxWanted]] = [y, wanted].map((out) => grad([out], [x], { outputGrads: [arriving] })) as [
          [Tensor],
          [Tensor],
        ];
        const bound = dtype === "float32" ? 1e-6 : 6e-3; // bfloat16: the scale rounds once more, by 2^-9
        assert(off(y, wanted) < bound, `output off by ${off(y, wanted)}`);
        assert(off(dx, dxWanted) < bound, `gradient off by ${off(dx, dxWanted)}`);
        assert.equal(y.dtype, dtype);
      }
    });
  });

  Deno.test(`${quantization}: a graph holds the codes and no decoded weight`, () => {
    leakFree(() => {
      const quantized = QuantizedWeight.of(noise([64, 64], 2), { quantization, dtype: "float32" });
      const x = noise([3, 64], 3);
      x.setRequiresGrad(true);
      const y = enableGrad(() => quantized.product(x).sum());
      quantized.tensors.codes.copy_(quantized.tensors.codes.clone());
      assert.throws(() => grad([y], [x]), /modified by an inplace operation/);
    });
  });
}

Deno.test("nf4 says its sixteen values exactly, two a byte, the first in the upper half", () => {
  leakFree(() => {
    // values 0, 7, 8 and 15 of arXiv:2305.14314, appendix E
    const values = [-1, 0, 0.07958029955625534, 1];
    const weight = tensor(Array.from({ length: 64 }, (_, i) => 2 * (values[i % 4] as number)), { shape: [1, 64] });
    const quantized = QuantizedWeight.of(weight, { quantization: "nf4", dtype: "float32" });
    assert.deepEqual(quantized.tensors.codes.toNumbers().slice(0, 2), [0x07, 0x8f]);
    assert.deepEqual(quantized.tensors.scales.toNumbers(), [2]);
    assert.deepEqual(quantized.dense().toNumbers(), weight.toNumbers());
  });
});

Deno.test("isQuantizable() refuses nf4 what is no multiple of 64 numbers", () => {
  assert.equal(isQuantizable([3, 32], "nf4"), false);
  assert.equal(isQuantizable([4, 32], "nf4"), true);
  assert.equal(isQuantizable([3, 5], "int8"), true);
});
