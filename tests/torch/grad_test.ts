import assert from "node:assert/strict";
import { enableGrad, grad, noGrad, ones, type Tensor, tensor, zeros } from "../../src/torch/mod.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

function leaf(values: number[]): Tensor {
  const x = tensor(values);
  x.setRequiresGrad(true);
  return x;
}

Deno.test("grad() differentiates a scalar", () => {
  leakFree(() => {
    const x = leaf([1, 2, 3]), y = leaf([4, 5, 6]);
    const [dx, dy] = grad([x.square().mul(y).sum()], [x, y]);
    assert.deepEqual(dx?.toNumbers(), [8, 20, 36]);
    assert.deepEqual(dy?.toNumbers(), [1, 4, 9]);
  });
});

Deno.test("grad() takes output gradients, several outputs and inner tensors", () => {
  leakFree(() => {
    const x = leaf([1, 2]);
    const inner = x.mul(3);
    const [dx, dInner] = grad([inner.square(), inner.sum()], [x, inner], { outputGrads: [tensor([1, 10]), undefined] });
    assert.deepEqual(dInner?.toNumbers(), [2 * 3 + 1, 10 * 2 * 6 + 1]);
    assert.deepEqual(dx?.toNumbers(), [3 * 7, 3 * 121]);
  });
});

Deno.test("grad() gives undefined where the output does not depend on an input", () => {
  leakFree(() => {
    const x = leaf([1]), unused = leaf([1]);
    const [dx, none] = grad([x.mul(2)], [x, unused]);
    assert.deepEqual([dx?.toNumbers(), none], [[2], undefined]);
  });
});

Deno.test("grad() frees the graph unless it is to be retained", () => {
  leakFree(() => {
    const x = leaf([3]);
    const y = x.square();
    assert.deepEqual(grad([y], [x], { retainGraph: true })[0]?.toNumbers(), [6]);
    assert.deepEqual(grad([y], [x])[0]?.toNumbers(), [6]);
    assert.throws(() => grad([y], [x]), { name: "TorchError", message: /second time/ });
  });
});

Deno.test("grad() refuses an output without a graph, and one that is not a scalar without its gradient", () => {
  leakFree(() => {
    const x = leaf([1, 2]);
    assert.throws(() => grad([tensor([1])], [x]), { name: "TorchError", message: /does not require grad/ });
    assert.throws(() => grad([x.mul(2)], [x]), { name: "TorchError", message: /scalar outputs/ });
  });
});

Deno.test("freeing handles of a graph's tensors does not harm the graph", () => {
  leakFree(() => {
    const x = leaf([2]);
    const y = ((): Tensor => {
      using inner = x.square();
      return inner.square();
    })();
    assert.deepEqual(grad([y], [x])[0]?.toNumbers(), [32]);
  });
});

Deno.test("noGrad() and enableGrad() nest and are restored after an exception", () => {
  leakFree(() => {
    const x = leaf([1]);
    const recorded = (): boolean => x.mul(2).requiresGrad;
    assert.equal(recorded(), true);
    noGrad(() => {
      assert.equal(recorded(), false);
      enableGrad(() => assert.equal(recorded(), true));
      assert.throws(() =>
        enableGrad(() => {
          throw new Error("no");
        })
      );
      assert.equal(recorded(), false);
    });
    assert.equal(recorded(), true);
    assert.throws(() => noGrad(() => Promise.resolve()), { name: "TypeError" });
    assert.equal(recorded(), true);
  });
});

Deno.test("detach() cuts the graph and shares the memory", () => {
  leakFree(() => {
    const x = leaf([1, 2]);
    const cut = x.detach();
    assert.equal(cut.requiresGrad, false);
    noGrad(() => x.add_(1));
    assert.deepEqual(cut.toNumbers(), [2, 3]);
  });
});

// Operators whose arguments want no gradient skip libtorch's autograd layers. What they return must still be an ordinary
// tensor: a leaf of a later graph, watched for changes in place.
Deno.test("what is made without a graph can become a leaf, and a change in place is noticed", () => {
  leakFree(() => {
    const y = ones([2]).add(1);
    y.setRequiresGrad(true);
    const z = y.square();
    noGrad(() => y.add_(1));
    assert.throws(() => grad([z.sum()], [y]), { name: "TorchError", message: /modified by an inplace operation/ });
  });
});

Deno.test("a view of what was made without a graph takes part in the graph of its base", () => {
  leakFree(() => {
    const base = zeros([3]).add(0);
    const view = base.narrow(0, 1, 2);
    const x = leaf([5, 7]);
    view.copy_(x); // base now depends on x through the view
    const [dx] = grad([base.mul(tensor([1, 2, 3])).sum()], [x]);
    assert.deepEqual(base.detach().toNumbers(), [0, 5, 7]);
    assert.deepEqual(dx?.toNumbers(), [2, 3]);
  });
});

Deno.test("a view made without a graph follows its base into one", () => {
  leakFree(() => {
    const base = zeros([2]).add(0);
    const view = base.unsqueeze(0);
    const x = leaf([5, 7]);
    base.mul_(0);
    base.add_(x); // view now depends on x through its base
    assert.deepEqual(grad([view.mul(tensor([2, 3])).sum()], [x])[0]?.toNumbers(), [2, 3]);
  });
});

Deno.test("a leaf that wants a gradient may not change in place", () => {
  leakFree(() => {
    const x = leaf([1]);
    assert.throws(() => x.add_(1), { name: "TorchError", message: /leaf Variable/ });
    x.setRequiresGrad(false);
    x.add_(1);
    assert.deepEqual(x.toNumbers(), [2]);
  });
});

Deno.test("gradients flow through tensor lists and views", () => {
  leakFree(() => {
    const x = leaf([1, 2, 3, 4]);
    const parts = x.reshape([2, 2]).unbind(0) as [Tensor, Tensor];
    const [dx] = grad([parts[0].mul(parts[1]).sum()], [x]);
    assert.deepEqual(dx?.toNumbers(), [3, 4, 1, 2]);
  });
});
