import assert from "node:assert/strict";
import {
  arange,
  type DType,
  empty,
  fromBytes,
  full,
  ones,
  onesLike,
  tensor,
  zeros,
  zerosLike,
} from "../../src/torch/mod.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

Deno.test("zeros(), ones(), full() and empty() have the shape, type and values asked for", () => {
  leakFree(() => {
    assert.deepEqual(zeros([2, 3]).toNumbers(), [0, 0, 0, 0, 0, 0]);
    assert.deepEqual(ones([2], { dtype: "int64" }).toNumbers(), [1, 1]);
    assert.deepEqual(full([2, 1], -2.5, { dtype: "float64" }).toNumbers(), [-2.5, -2.5]);
    const scratch = empty([4, 0, 2], { dtype: "bfloat16" });
    assert.deepEqual([scratch.shape, scratch.dtype, scratch.numel], [[4, 0, 2], "bfloat16", 0]);
    assert.deepEqual(zeros([2, 3]).dtype, "float32");
    assert.deepEqual(zeros([]).shape, []);
    assert.equal(zeros([]).item(), 0);
  });
});

Deno.test("zerosLike() and onesLike() take over shape and type", () => {
  leakFree(() => {
    const x = full([2, 2], 7, { dtype: "float16" });
    assert.deepEqual([zerosLike(x).toNumbers(), zerosLike(x).dtype], [[0, 0, 0, 0], "float16"]);
    assert.deepEqual([onesLike(x).toNumbers(), onesLike(x).shape], [[1, 1, 1, 1], [2, 2]]);
  });
});

Deno.test("arange() counts from start to below end", () => {
  leakFree(() => {
    assert.deepEqual(arange(4).toNumbers(), [0, 1, 2, 3]);
    assert.deepEqual(arange(2, { start: -1, step: 0.5, dtype: "float64" }).toNumbers(), [-1, -0.5, 0, 0.5, 1, 1.5]);
    assert.deepEqual(arange(3, { dtype: "int64" }).dtype, "int64");
  });
});

const KINDS: Record<Exclude<DType, "complex64">, { bytes: number; values: number[] }> = {
  float32: { bytes: 4, values: [0, -1.5, 3.25] },
  float64: { bytes: 8, values: [0, -1 / 3, 1e300] },
  float16: { bytes: 2, values: [0, -1.5, 65504] },
  bfloat16: { bytes: 2, values: [0, -1.5, 2 ** 100] },
  float8_e4m3fn: { bytes: 1, values: [0, -1.5, 448] },
  float8_e5m2: { bytes: 1, values: [0, -1.5, 57344] },
  int64: { bytes: 8, values: [0, -7, 2 ** 53] },
  int32: { bytes: 4, values: [0, -7, 2 ** 31 - 1] },
  int16: { bytes: 2, values: [0, -7, 32767] },
  int8: { bytes: 1, values: [0, -7, 127] },
  uint8: { bytes: 1, values: [0, 7, 255] },
  bool: { bytes: 1, values: [0, 1, 1] },
};

for (const [name, { bytes, values }] of Object.entries(KINDS)) {
  const dtype = name as DType;
  Deno.test(`tensor() and toNumbers() keep ${name} values, of ${bytes} bytes each`, () => {
    leakFree(() => {
      const x = tensor(values, { dtype });
      assert.equal(x.dtype, dtype);
      assert.equal(x.numBytes, 3 * bytes);
      assert.deepEqual(x.toNumbers(), values);
      // The bytes are the value: they make the same tensor again.
      const again = fromBytes(x.toBytes(), { shape: [3], dtype });
      assert.deepEqual(again.toNumbers(), values);
    });
  });
}

Deno.test("tensor() keeps whole numbers beyond 2^53 that come as big integers", () => {
  leakFree(() => {
    const values = [2n ** 62n + 1n, -(2n ** 63n)];
    const x = tensor(values, { dtype: "int64" });
    assert.deepEqual([...new BigInt64Array(x.toBytes().buffer)], values);
  });
});

Deno.test("to() bfloat16 rounds to the nearest even", () => {
  leakFree(() => {
    // torch.tensor([1 + 2**-8, 1 + 3 * 2**-8, 3.1415927]).bfloat16() -> 1.0, 1.015625, 3.140625
    const x = tensor([1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.1415927]).to({ dtype: "bfloat16" });
    assert.deepEqual(x.toNumbers(), [1, 1.015625, 3.140625]);
    assert.deepEqual([...new Uint16Array(x.toBytes().buffer)], [0x3f80, 0x3f82, 0x4049]);
  });
});

Deno.test("bytes go in and out in row-major order, of views too", () => {
  leakFree(() => {
    const x = fromBytes(Uint8Array.of(1, 2, 3, 4, 5, 6), { shape: [2, 3] });
    assert.deepEqual([...x.toBytes()], [1, 2, 3, 4, 5, 6]);
    assert.deepEqual([...x.t().toBytes()], [1, 4, 2, 5, 3, 6]);
    assert.deepEqual([...x.select(1, 2).toBytes()], [3, 6]);
    assert.deepEqual([...x.slice(1, 1).toFloat32Array()], [2, 3, 5, 6]);
    x.withBytes((bytes) => assert.deepEqual([...bytes], [1, 2, 3, 4, 5, 6]));
    x.t().withBytes((bytes) => assert.deepEqual([...bytes], [1, 4, 2, 5, 3, 6]));
    zeros([0]).withBytes((bytes) => assert.equal(bytes.length, 0));
  });
});

Deno.test("fromBytes() takes a part of a larger buffer", () => {
  leakFree(() => {
    const whole = Uint8Array.of(9, 9, 1, 2, 3, 9);
    assert.deepEqual(fromBytes(whole.subarray(2, 5), { shape: [3] }).toNumbers(), [1, 2, 3]);
  });
});

Deno.test("fromBytes() refuses bytes that do not fit the shape", () => {
  leakFree(() => {
    assert.throws(() => fromBytes(new Uint8Array(11), { shape: [3], dtype: "float32" }), {
      name: "TorchError",
      message: "the tensor has 12 bytes, the buffer 11",
    });
  });
});

Deno.test("tensor() refuses values that do not fit the shape", () => {
  leakFree(() => {
    assert.throws(() => tensor([1, 2, 3], { shape: [2, 2] }), { name: "TorchError" });
  });
});
