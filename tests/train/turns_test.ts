import assert from "node:assert/strict";
import fc from "fast-check";
import { turns } from "../../src/train/turns.ts";

const written = (steps: readonly number[], switchEvery: number, taken?: readonly number[]): string =>
  turns({ steps, switchEvery, ...(taken && { taken }) }).map(({ expert, step }) => `${"HL"[expert]}${step}`).toArray()
    .join(" ");

Deno.test("turns() lets one expert take all its steps", () => {
  assert.equal(written([3], 10), "H0 H1 H2");
});

Deno.test("turns() alternates between experts, and goes on with one when the other is done", () => {
  assert.equal(written([4, 4], 2), "H0 H1 L0 L1 H2 H3 L2 L3");
  assert.equal(written([2, 5], 2), "H0 H1 L0 L1 L2 L3 L4");
  assert.equal(written([3, 2], 2), "H0 H1 L0 L1 H2");
});

Deno.test("turns() goes on from the steps taken as a run that was not broken, wherever it was", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(9), { minLength: 1, maxLength: 3 }), fc.integer({ min: 1, max: 4 }), (steps, k) => {
      const order = { steps, switchEvery: k };
      const all = turns(order).toArray();
      const taken = steps.map(() => 0);
      for (const [at, { expert, step }] of all.entries()) {
        assert.deepEqual(turns({ ...order, taken }).toArray(), all.slice(at));
        assert.equal(step, taken[expert]);
        taken[expert] = step + 1;
      }
      assert.deepEqual(taken, steps);
    }),
  );
});

Deno.test("turns() gives each expert what is asked for, whatever the order was so far", () => {
  const goingOn = (taken: readonly number[], steps: readonly number[], switchEvery: number): string =>
    written(steps, switchEvery, taken);
  assert.equal(goingOn([3, 3], [4, 4], 2), "H3 L3", "more steps than before");
  assert.equal(goingOn([2, 6], [4, 6], 2), "H2 H3", "more for one");
  assert.equal(goingOn([2, 0], [4, 4], 1), "L0 L1 H2 L2 H3 L3", "shorter turns");
  assert.equal(goingOn([5, 0], [5, 2], 10), "L0 L1");
});
