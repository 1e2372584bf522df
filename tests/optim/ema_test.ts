// The numbers themselves are compared with diffusers' in the golden case ema.
import assert from "node:assert/strict";
import { Ema, emaDecayAt } from "../../src/optim/mod.ts";
import { type Tensor, tensor, tidy } from "../../src/torch/mod.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

Deno.test("emaDecayAt() is 0 until averaging begins, then between the smallest and the largest decay", () => {
  const options = { decay: 0.5, minDecay: 0.2, updateAfterStep: 2 };
  assert.deepEqual([1, 2, 3].map((update) => emaDecayAt(update, options)), [0, 0, 0]);
  assert.equal(emaDecayAt(4, options), 0.2); // 2/11 without the floor
  assert.equal(emaDecayAt(1000, options), 0.5);
  assert.equal(emaDecayAt(2, { decay: 1, warmup: { invGamma: 1, power: 1 } }), 0.5);
});

Deno.test("Ema averages bfloat16 weights in float32, goes on from its state and writes itself out", () => {
  leakFree(() => {
    const param = tensor([1], { dtype: "bfloat16" });
    param.setRequiresGrad(true);
    using ema = tidy(() => new Ema([param], { decay: 0.999 }));
    const step = (one: Ema, value: number): void => {
      param.detach().fill_(value);
      one.update();
    };
    for (let i = 0; i < 5; i++) step(ema, 1);
    using resumed = new Ema([param], { decay: 0.999 });
    for (const [key, value] of resumed.state()) value.copy_(ema.state().get(key) as Tensor);
    step(ema, 2);
    step(resumed, 2);
    const average = ema.averages[0] as Tensor;
    assert.equal(average.dtype, "float32");
    assert(Math.abs(average.item() - (2 - 6 / 15)) < 1e-6); // update 6 keeps (1 + 5)/(10 + 5)
    assert(average.equal(resumed.averages[0] as Tensor));
    const target = tensor([0], { dtype: "bfloat16" });
    ema.copyTo([target]);
    assert(Math.abs(target.item() - 1.6) < 0.01);
  });
});
