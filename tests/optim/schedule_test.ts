// The numbers themselves are compared with diffusers' in the golden case lr_schedules.
import assert from "node:assert/strict";
import fc from "fast-check";
import { learningRateAt, type ScheduleKind, type ScheduleOptions } from "../../src/optim/mod.ts";

const KINDS: ScheduleKind[] = [
  "constant",
  "constant_with_warmup",
  "linear",
  "cosine",
  "cosine_with_restarts",
  "polynomial",
  "rex",
  "inverse_sqrt",
];
const at = (step: number, options: Partial<ScheduleOptions> & { kind: ScheduleKind }): number =>
  learningRateAt(step, { learningRate: 2e-4, warmupSteps: 10, totalSteps: 100, ...options });

Deno.test("learningRateAt() rises linearly from 0 over the warm-up, but for constant", () => {
  for (const kind of KINDS) {
    assert.equal(at(0, { kind }), kind === "constant" ? 2e-4 : 0);
    assert.equal(at(5, { kind }), kind === "constant" ? 2e-4 : 1e-4);
    assert(Math.abs(at(10, { kind }) - 2e-4) < 1e-12);
  }
});

Deno.test("learningRateAt() without a warm-up starts at the full rate", () => {
  for (const kind of KINDS) assert(Math.abs(at(0, { kind, warmupSteps: 0 }) - 2e-4) < 1e-12, kind);
});

Deno.test("learningRateAt() ends where its shape ends", () => {
  assert.equal(at(100, { kind: "constant_with_warmup" }), 2e-4);
  assert.equal(at(100, { kind: "linear" }), 0);
  assert(at(100, { kind: "cosine" }) < 1e-12);
  assert.equal(at(100, { kind: "cosine_with_restarts", numCycles: 2 }), 0);
  assert.equal(at(55, { kind: "cosine_with_restarts", numCycles: 2 }), 2e-4); // the second cycle begins
  assert(Math.abs(at(55, { kind: "cosine" }) - 1e-4) < 1e-12);
  assert(Math.abs(at(100, { kind: "polynomial" }) - 1e-7) < 1e-15);
});

Deno.test("learningRateAt() by rex is the paper's curve, by inverse_sqrt halves when the step is four warm-ups", () => {
  // (1 - z) / (1/2 + (1 - z)/2) at z = 1/2 and 3/4
  assert(Math.abs(at(50, { kind: "rex", warmupSteps: 0 }) - 2e-4 * 2 / 3) < 1e-15);
  assert(Math.abs(at(75, { kind: "rex", warmupSteps: 0 }) - 2e-4 * 2 / 5) < 1e-15);
  assert.equal(at(100, { kind: "rex" }), 0);
  assert(Math.abs(at(40, { kind: "inverse_sqrt" }) - 1e-4) < 1e-15);
  assert(Math.abs(at(30_000, { kind: "inverse_sqrt", warmupSteps: 0 }) - 1e-4) < 1e-15); // 10,000 more
});

Deno.test("learningRateAt() ends at the smallest rate, and the warm-up still starts at 0", () => {
  for (const kind of ["linear", "cosine", "cosine_with_restarts", "rex"] as const) {
    assert(Math.abs(at(100, { kind, minRate: 0.1 }) - 2e-5) < 1e-15, kind);
    assert.equal(at(0, { kind, minRate: 0.1 }), 0);
    assert(Math.abs(at(10, { kind, minRate: 0.1 }) - 2e-4) < 1e-15);
  }
});

Deno.test("learningRateAt() stays between 0 and the full rate at any step", () => {
  const numbers = { step: fc.nat(500), warmupSteps: fc.nat(120), totalSteps: fc.integer({ min: 1, max: 200 }) };
  fc.assert(
    fc.property(
      fc.record({ ...numbers, kind: fc.constantFrom(...KINDS), numCycles: fc.integer({ min: 1, max: 5 }) }),
      (c) => {
        const rate = learningRateAt(c.step, { ...c, learningRate: 1e-3, power: 2 });
        return rate >= 0 && rate <= 1e-3 * (1 + 1e-12);
      },
    ),
  );
});
