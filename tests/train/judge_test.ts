import assert from "node:assert/strict";
import { TorchError } from "../../src/base/mod.ts";
import { judgeStep } from "../../src/train/judge.ts";

const files = ["a.mp4", "b.mp4", "a.mp4"];

Deno.test("judgeStep() lets finite numbers within the limit pass", () => {
  judgeStep({ loss: 30, error: 3, gradNorm: 1 }, { step: 1, limit: undefined, files });
  judgeStep({ loss: 30, error: 3, gradNorm: 1 }, { step: 1, limit: 3, files });
});

Deno.test("judgeStep() refuses what is not finite or above the limit, naming each clip once", () => {
  const refused = (error: number, gradNorm: number): string => {
    try {
      judgeStep({ loss: error, error, gradNorm }, { step: 7, limit: 3, files });
    } catch (error) {
      assert.ok(error instanceof TorchError);
      const names = (setting: string): boolean => error.cure?.includes(setting) ?? false;
      assert.ok(names("optim.learningRate"));
      assert.equal(names("train.maxLossRatio"), error.message.includes("above the limit"), "no limit lets NaN pass");
      return error.message;
    }
    assert.fail("it was let pass");
  };
  assert.match(refused(NaN, 1), /^Step 7 gave a loss of NaN .*nothing was updated\. Its clips: a\.mp4, b\.mp4\.$/);
  assert.match(refused(1, Infinity), /gradient norm of Infinity/);
  assert.match(refused(3.5, 1), /a loss of 3\.500, above the limit of 3\.000 \(train\.maxLossRatio\)/);
});
