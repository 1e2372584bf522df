import assert from "node:assert/strict";
import { Generator, rand, randint, randn, randperm } from "../../src/torch/mod.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

// The numbers themselves are compared with PyTorch's in the golden case rng_cpu.
Deno.test("the same seed gives the same numbers, another seed others", () => {
  leakFree(() => {
    const draw = (seed: number | bigint): number[] => {
      using generator = Generator.seeded(seed);
      return randn([20], { generator }).toNumbers();
    };
    assert.deepEqual(draw(7), draw(7n));
    assert.notDeepEqual(draw(7), draw(8));
    assert.deepEqual(draw(-1), draw(2n ** 64n - 1n));
    // libtorch's generator on the host looks at the lower 32 bits alone
    assert.deepEqual(draw(2n ** 63n + 7n), draw(7));
  });
});

Deno.test("a generator goes on where it stopped", () => {
  leakFree(() => {
    using one = Generator.seeded(3);
    using two = Generator.seeded(3);
    const whole = rand([6], { generator: one }).toNumbers();
    const parts = [...rand([2], { generator: two }).toNumbers(), ...rand([4], { generator: two }).toNumbers()];
    assert.deepEqual(parts, whole);
  });
});

Deno.test("draws have their ranges and types", () => {
  leakFree(() => {
    using generator = Generator.seeded(1);
    const uniform = rand([1000], { generator }).toNumbers();
    assert(uniform.every((u) => u >= 0 && u < 1));
    const whole = randint(5, [1000], { generator });
    assert.equal(whole.dtype, "int64");
    assert.deepEqual([...new Set(whole.toNumbers())].sort(), [0, 1, 2, 3, 4]);
    assert.deepEqual(randperm(10, { generator }).toNumbers().sort((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const normal = randn([20_000], { generator });
    assert(Math.abs(normal.mean().item()) < 0.03);
    assert(Math.abs(normal.square().mean().item() - 1) < 0.05);
    assert.equal(randn([2], { generator, dtype: "bfloat16" }).dtype, "bfloat16");
  });
});

Deno.test("a freed generator is refused", () => {
  leakFree(() => {
    const generator = Generator.seeded(1);
    generator[Symbol.dispose]();
    generator[Symbol.dispose]();
    assert.throws(() => randn([1], { generator }), {
      name: "TorchError",
      message: /the generator behind this handle was freed or never existed/,
    });
  });
});
