import assert from "node:assert/strict";
import { dims, zeros } from "../../src/torch/mod.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

Deno.test("dims() names sizes", () => {
  leakFree(() => {
    const { B, L, C } = dims(zeros([2, 3, 4]), "B L C");
    assert.deepEqual([B, L, C], [2, 3, 4]);
    assert.deepEqual(dims(zeros([2, 3, 4]), "_ L 4"), { L: 3, 4: 4 });
  });
});

Deno.test("dims() has a type with the letters of its pattern alone", () => {
  leakFree(() => {
    const sizes = dims(zeros([2, 3]), "B C");
    const b: number = sizes.B;
    assert.equal(b, 2);
    // @ts-expect-error: L is not in the pattern
    assert.equal(sizes.L, undefined);
    // @ts-expect-error: _ binds nothing
    assert.equal(dims(zeros([2, 3]), "_ C")._, undefined);
  });
});

Deno.test("dims() refuses another rank, size or number", () => {
  leakFree(() => {
    const x = zeros([2, 3, 4]);
    assert.throws(() => dims(x, "B C"), {
      name: "ShapeError",
      message: "A tensor of shape [2, 3, 4] was given where [B, C] is expected.",
    });
    assert.throws(() => dims(x, "_ _ C", { C: 5 }), {
      name: "ShapeError",
      message: "A tensor of shape [2, 3, 4] was given where [_, _, C] with C = 5 is expected.",
    });
    assert.throws(() => dims(x, "_ _ 5"), { name: "ShapeError" });
  });
});

Deno.test("dims() wants a letter that comes twice to fit twice", () => {
  leakFree(() => {
    assert.deepEqual(dims(zeros([3, 3]), "N N"), { N: 3 });
    assert.throws(() => dims(zeros([3, 4]), "N N"), { name: "ShapeError" });
  });
});
