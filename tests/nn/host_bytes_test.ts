import assert from "node:assert/strict";
import { BlockLayout } from "../../src/nn/block_layout.ts";
import { HostBytes, pieceSizes } from "../../src/nn/host_bytes.ts";
import { type DType, empty, Generator, randint, tensor } from "../../src/torch/mod.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const MIB = 2 ** 20;

Deno.test("pieces are powers of two and waste less than a MiB", () => {
  assert.deepEqual(pieceSizes(0), []);
  assert.deepEqual(pieceSizes(1), [MIB]);
  assert.deepEqual(pieceSizes(7 * MIB), [4 * MIB, 2 * MIB, MIB]);
  const block = 702_000_000; // of the 14B model in bfloat16: in one it would take 2^30
  const sizes = pieceSizes(block);
  assert.ok(sizes.every((size) => Number.isInteger(Math.log2(size))));
  const sum = sizes.reduce((a, b) => a + b, 0);
  assert.ok(sum >= block && sum < block + MIB);
});

Deno.test("what is written across pieces is copied out as it was, whatever types stand beside each other", () => {
  leakFree(() => {
    using generator = Generator.seeded(1);
    const like =
      ([["bfloat16", [700, 900]], ["uint8", [3]], ["float8_e4m3fn", [5, 7]], ["float32", [600, 1000]]] as const)
        .map(([dtype, shape]) => {
          const numBytes = shape.reduce((product: number, size) => product * size, 1) * BYTES[dtype];
          return randint(120, [numBytes], { generator, dtype: "uint8" }).viewAs(dtype as DType).view(shape);
        });
    const layout = new BlockLayout(like);
    using host = new HostBytes(layout.numBytes, { pinned: false });
    like.forEach((param, i) => host.write(layout.offsets[i] as number, param));
    const buffer = empty([layout.numBytes], { dtype: "uint8" });
    host.copyTo(buffer);
    layout.views(buffer).forEach((view, i) => {
      const param = like[i];
      assert.deepEqual(view.shape, param?.shape);
      assert.deepEqual(view.toBytes(), param?.toBytes());
    });
  });
});

Deno.test("a tensor that lies in another order is taken in by its elements' order", () => {
  leakFree(() => {
    const x = tensor([1, 2, 3, 4, 5, 6], { shape: [2, 3] }).t();
    using host = new HostBytes(x.numBytes, { pinned: false });
    host.copyFrom(x);
    const buffer = empty([x.numBytes], { dtype: "uint8" });
    host.copyTo(buffer);
    assert.deepEqual(buffer.viewAs("float32").toNumbers(), [1, 4, 2, 5, 3, 6]);
  });
});

const BYTES = { bfloat16: 2, uint8: 1, float8_e4m3fn: 1, float32: 4 } as const;
