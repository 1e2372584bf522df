import assert from "node:assert/strict";
import { freshJournal, lossLimit, rememberStep, rememberValidation } from "../../src/train/journal.ts";

Deno.test("lossLimit() is a multiple of the median of an expert's last 64 losses, from the 16th on", () => {
  const journal = freshJournal();
  const limit = (): number | undefined => lossLimit(journal, { expert: "low", ratio: 10 });
  for (let i = 0; i < 15; i++) rememberStep(journal, { expert: "low", loss: 1 });
  for (let i = 0; i < 20; i++) rememberStep(journal, { expert: "high", loss: 5 });
  assert.equal(limit(), undefined);
  rememberStep(journal, { expert: "low", loss: 100 });
  assert.equal(limit(), 10, "one loss that stands out does not move it");
  for (let i = 0; i < 64; i++) rememberStep(journal, { expert: "low", loss: 0.5 });
  assert.equal(limit(), 5);
  assert.equal(journal.losses.low?.length, 64);
  assert.equal(lossLimit(journal, { expert: "low", ratio: null }), undefined);
});

Deno.test("rememberValidation() knows the best and how long ago it was; the start does not compete", () => {
  const journal = freshJournal();
  const course = [[0, 0.1], [2, 0.5], [4, 0.4], [6, 0.4], [8, 0.45]] as const;
  assert.deepEqual(course.map(([step, loss]) => rememberValidation(journal, { step, loss })), [
    false,
    true,
    true,
    false,
    false,
  ]);
  assert.deepEqual(journal.validation, { step: 8, best: { step: 4, loss: 0.4 }, stale: 2 });
});
