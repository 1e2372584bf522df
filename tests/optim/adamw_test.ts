// The numbers themselves are compared with PyTorch's in the golden case optimizer_adamw.
import assert from "node:assert/strict";
import { AdamW } from "../../src/optim/mod.ts";
import { liveHandles, tensor, tidy, zeros } from "../../src/torch/mod.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const OPTIONS = { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 } as const;

Deno.test("AdamW's first step has the size of the learning rate", () => {
  leakFree(() => {
    const param = tensor([1, -1, 0]);
    using optimizer = new AdamW([param], OPTIONS);
    optimizer.step([tensor([1e-3, -50, 7])], 0.1);
    assert.deepEqual(param.toNumbers().map((value) => value.toFixed(4)), ["0.9000", "-0.9000", "-0.1000"]);
  });
});

Deno.test("AdamW decays weights apart from the gradient", () => {
  leakFree(() => {
    const param = tensor([2]);
    using optimizer = new AdamW([param], { ...OPTIONS, weightDecay: 0.5 });
    optimizer.step([zeros([1])], 0.1);
    assert(Math.abs(param.item() - 2 * (1 - 0.1 * 0.5)) < 1e-6);
  });
});

Deno.test("AdamW takes another learning rate at each step", () => {
  leakFree(() => {
    const param = tensor([0]);
    using optimizer = new AdamW([param], OPTIONS);
    optimizer.step([tensor([1])], 0);
    assert.equal(param.item(), 0);
    optimizer.step([tensor([1])], 0.5);
    assert(Math.abs(param.item() + 0.5) < 1e-5);
  });
});

Deno.test("AdamW goes on from a copy of its state with the same bits", () => {
  leakFree(() => {
    const gradient = (step: number): number[] => [Math.sin(step), Math.cos(3 * step)];
    const whole = tensor([1, 2]), resumed = tensor([1, 2]);
    using unbroken = new AdamW([whole], OPTIONS);
    using first = new AdamW([resumed], OPTIONS);
    for (let step = 0; step < 3; step++) {
      unbroken.step([tensor(gradient(step))], 0.01);
      first.step([tensor(gradient(step))], 0.01);
    }
    using second = new AdamW([resumed], OPTIONS);
    const saved = first.state();
    assert.deepEqual([...saved.keys()], ["exp_avg.0", "exp_avg_sq.0", "step.0"]);
    for (const [name, value] of second.state()) value.copy_(saved.get(name) ?? value);
    for (let step = 3; step < 6; step++) {
      unbroken.step([tensor(gradient(step))], 0.01);
      second.step([tensor(gradient(step))], 0.01);
    }
    assert.deepEqual(resumed.toBytes(), whole.toBytes());
  });
});

Deno.test("AdamW's moments survive the scope it was made in and are freed with it", () => {
  leakFree(() => {
    const param = tensor([1]);
    const before = liveHandles();
    const optimizer = tidy(() => {
      const made = new AdamW([param], OPTIONS);
      return () => made;
    })();
    optimizer.step([tensor([1])], 0.1);
    assert.equal([...optimizer.state().values()].some((x) => x.isFreed), false);
    optimizer[Symbol.dispose]();
    assert(liveHandles() <= before + 1); // the gradient
  });
});

Deno.test("AdamW refuses gradients of another number", () => {
  leakFree(() => {
    const param = tensor([1, 2]);
    using optimizer = new AdamW([param], OPTIONS);
    assert.throws(() => optimizer.step([], 0.1), { name: "TorchError" });
  });
});
