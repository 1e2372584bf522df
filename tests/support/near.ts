/** Comparing values to rounding. */
import assert from "node:assert/strict";
import type { Tensor } from "../../src/torch/mod.ts";

/** Asserts that a tensor's elements are the wanted ones within `tolerance`, of one or of the wanted value if larger. */
export function near(x: Tensor, wanted: readonly number[], tolerance = 1e-6): void {
  const values = x.toNumbers();
  assert.equal(values.length, wanted.length);
  wanted.forEach((value, i) => {
    const gap = Math.abs((values[i] as number) - value);
    assert(gap <= tolerance * Math.max(1, Math.abs(value)), `element ${i}: ${values[i]}, wanted ${value}`);
  });
}

/** How far a tensor is from the one it should be, relative to that one's length; both may be anywhere. */
export function off(x: Tensor, wanted: Tensor): number {
  const [a, b] = [x, wanted].map((y) => y.detach().to({ device: "cpu", dtype: "float32" })) as [Tensor, Tensor];
  return a.sub(b).norm().item() / b.norm().item();
}
