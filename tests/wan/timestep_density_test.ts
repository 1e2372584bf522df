// The numbers themselves are compared with diffusers' in the golden case timestep_sampling.
import assert from "node:assert/strict";
import { lossWeight, timestepFrom } from "../../src/wan/mod.ts";

Deno.test("timestepFrom() has its middle where the law says", () => {
  assert.equal(timestepFrom(0.3, { kind: "none" }), 0.3);
  assert.equal(timestepFrom(0, { kind: "logit-normal", mean: 0, std: 3 }), 0.5);
  for (const scale of [-0.5, 0, 1.29]) {
    const middle = timestepFrom(0.5, { kind: "mode", scale });
    assert(Math.abs(middle - 0.5) < 1e-12);
    assert.equal(timestepFrom(0, { kind: "mode", scale }), 1);
  }
});

Deno.test("lossWeight() is 1 or depends on sigma by the formula of its name", () => {
  assert.equal(lossWeight(0.25, "none"), 1);
  assert.equal(lossWeight(0.25, "sigma_sqrt"), 16);
  assert(Math.abs(lossWeight(0.5, "cosmap") - 4 / Math.PI) < 1e-12);
});
