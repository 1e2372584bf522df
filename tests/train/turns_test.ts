import assert from "node:assert/strict";
import { turns } from "../../src/train/turns.ts";

const written = (steps: readonly number[], switchEvery: number): string =>
  turns({ steps, switchEvery }).map(({ expert, step }) => `${"HL"[expert]}${step}`).toArray().join(" ");

Deno.test("turns() lets one expert take all its steps", () => {
  assert.equal(written([3], 10), "H0 H1 H2");
});

Deno.test("turns() alternates between experts, and goes on with one when the other is done", () => {
  assert.equal(written([4, 4], 2), "H0 H1 L0 L1 H2 H3 L2 L3");
  assert.equal(written([2, 5], 2), "H0 H1 L0 L1 L2 L3 L4");
  assert.equal(written([3, 2], 2), "H0 H1 L0 L1 H2");
});

Deno.test("turns() goes on in the middle as a run that was not broken", () => {
  const order = { steps: [5, 3], switchEvery: 2 };
  assert.deepEqual(turns(order).drop(3).toArray(), turns(order).toArray().slice(3));
});
