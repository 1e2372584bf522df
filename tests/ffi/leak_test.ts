import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { grad, liveHandles, noGrad, ones, type Tensor, tensor, tidy } from "../../src/torch/mod.ts";
import { useTorch } from "../support/torch.ts";

await useTorch();

/** Operator calls that are measured, and those before. */
const CALLS = 240_000;
const WARM_UP = 40_000;
/** Growth of resident memory that is still none, 105 bytes a call: V8's heap breathes. One tensor's record is more. */
const MARGIN_MIB = 24;

function residentMiB(): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  assert(kib !== undefined);
  return Number(kib) / 1024;
}

/** Forward, backward, an update in place, lists, and three kinds of failure. @returns operator calls made */
function round(weight: Tensor, x: Tensor): number {
  return tidy(() => {
    let h = x;
    for (let i = 0; i < 10; i++) h = h.matmul(weight).tanh().add(h).mul(0.5); // 40
    const [gradient] = grad([h.square().mean()], [weight]); // 2, and as many again in backward
    noGrad(() => weight.add_(gradient as Tensor, -1e-3)); // 1
    for (const part of h.split(2, 0)) part.sum().item(); // 5
    assert.throws(() => h.matmul(ones([3, 3])), { name: "TorchError" }); // 2
    assert.throws(() => grad([h.detach()], [weight]), { name: "TorchError" }); // 1
    const freed = h.add(1); // 1
    freed[Symbol.dispose]();
    assert.throws(() => freed.mul(h), { name: "TorchError" }); // 1
    assert.throws(() =>
      tidy(() => {
        h.mul(2).add(1); // 2
        throw new RangeError("halfway");
      }), RangeError);
    return 55;
  });
}

Deno.test({
  name: `${CALLS} operator calls with backward and failures leave no handle and no memory behind`,
  ignore: Deno.build.os !== "linux", // reads /proc
  fn(): void {
    const live = liveHandles();
    {
      using weight = tensor(Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)), { shape: [8, 8] });
      using x = ones([4, 8]);
      weight.setRequiresGrad(true);
      let done = 0;
      while (done < WARM_UP) done += round(weight, x);
      const handles = liveHandles(), before = residentMiB();
      while (done < WARM_UP + CALLS) done += round(weight, x);
      const grown = residentMiB() - before;
      assert.equal(liveHandles(), handles);
      assert(grown < MARGIN_MIB, `resident memory grew by ${grown.toFixed(1)} MiB over ${CALLS} calls`);
    }
    assert.equal(liveHandles(), live);
  },
});
