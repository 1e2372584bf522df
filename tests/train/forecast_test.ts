import assert from "node:assert/strict";
import { checkPlan, TOLERANCE } from "../bench/plan.ts";
import { withFolder } from "../support/tmp.ts";
import { useTorch } from "../support/torch.ts";

await useTorch();

// The whole grid is `./dev bench plan`.
Deno.test("wantune plan forecasts what a trainer has resident at most, and its tensors hold, within 10 %", () =>
  withFolder(async (folder) => {
    const check = await checkPlan({
      name: "full, ema",
      model: "small",
      sections: { method: { kind: "full" }, optim: { ema: { decay: 0.99 } }, memory: { blocks: "keep" } },
    }, { folder });
    for (const { forecast, measured } of [check, check.tensors]) {
      assert(Math.abs(forecast / measured - 1) < TOLERANCE, `forecast ${forecast}, measured ${measured}`);
    }
    assert.equal(check.phase, "training");
    assert(check.tensors.measured > check.measured / 2, "the program outweighs the tensors"); // else the check says little
  }));
