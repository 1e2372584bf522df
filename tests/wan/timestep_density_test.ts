// The numbers themselves are compared with diffusers' in the golden case timestep_sampling.
import assert from "node:assert/strict";
import { bellWeight, densityCdf, densityQuantile, lossWeight, timestepFrom } from "../../src/wan/mod.ts";

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

Deno.test("densityCdf() undoes densityQuantile()", () => {
  const laws = [
    { kind: "none" },
    { kind: "logit-normal", mean: 0.4, std: 1.5 },
    { kind: "mode", scale: 1.29 },
    { kind: "mode", scale: -1 },
  ] as const;
  for (const density of laws) {
    for (const share of [0, 0.003, 0.4, 0.5, 0.97, 1]) {
      const back = densityCdf(densityQuantile(share, density), density);
      assert(Math.abs(back - share) < 1e-9, `${density.kind} ${share}: ${back}`);
    }
  }
});

Deno.test("bellWeight() has the values of DiffSynth's bsmntw table", () => {
  // wan22-spec, section 6.3: w at timesteps of the shift-5 schedule
  const weight = bellWeight(5);
  const table = [[1, 0], [0.9783, 0.139], [0.8748, 0.784], [0.8333, 1.025], [0.6818, 1.739], [0.5006, 2.076], [
    0.005,
    0.032,
  ]] as const;
  for (const [sigma, wanted] of table) assert(Math.abs(weight(sigma) - wanted) < 1.5e-3, `${sigma}: ${weight(sigma)}`);
});
