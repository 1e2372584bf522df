import assert from "node:assert/strict";
import { keepOnHost, leaf } from "../../src/parallel/kept_input.ts";
import { Generator, liveHandles, randn, tidy } from "../../src/torch/mod.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

Deno.test("an input kept in host memory comes back as a leaf with the same bits, as often as it is asked for", () => {
  leakFree(() => {
    using generator = Generator.seeded(2);
    for (const dtype of ["float32", "bfloat16"] as const) {
      const x = leaf(randn([2, 300, 1000], { generator }).to({ dtype }));
      const bits = x.toBytes();
      using kept = keepOnHost(x);
      assert.ok(x.isFreed, "its memory on the device is free at once");
      for (let i = 0; i < 2; i++) {
        const back = kept.take();
        assert.ok(back.requiresGrad);
        assert.deepEqual(back.shape, [2, 300, 1000]);
        assert.deepEqual(back.toBytes(), bits);
      }
    }
  });
});

Deno.test("a scope that fails frees the inputs that were kept in host memory", () => {
  const before = liveHandles();
  const failing = (): void =>
    tidy(() => {
      using generator = Generator.seeded(2);
      keepOnHost(leaf(randn([4], { generator })));
      throw new RangeError("no");
    });
  assert.throws(failing, RangeError);
  assert.equal(liveHandles(), before);
});
