import assert from "node:assert/strict";
import { liveHandles, ones, type Tensor, tidy, unscoped } from "../../src/torch/mod.ts";
import { useTorch } from "../support/torch.ts";

await useTorch();

/** How many more handles live after a body than before it. */
function grown(body: () => void): number {
  const before = liveHandles();
  body();
  return liveHandles() - before;
}

Deno.test("tidy() frees what the formula made and keeps what it returns", () => {
  let kept: Tensor | undefined;
  assert.equal(grown(() => kept = tidy(() => ones([2]).add(1).mul(2))), 1);
  assert.deepEqual(kept?.toNumbers(), [4, 4]);
  assert.equal(grown(() => kept?.[Symbol.dispose]()), -1);
});

Deno.test("tidy() finds returned tensors in arrays, records, maps and sets, however deep", () => {
  const made = tidy(() => {
    const parts = Array.from({ length: 6 }, (_, i) => ones([1]).mul(i));
    const [a, b, c, d, e] = parts as [Tensor, Tensor, Tensor, Tensor, Tensor];
    return { list: [a, [b]], map: new Map([["c", { c }]]), set: new Set([d]), e, number: 3, none: null, text: "x" };
  });
  const all = [made.list[0], (made.list[1] as Tensor[])[0], made.map.get("c")?.c, [...made.set][0], made.e] as Tensor[];
  assert.deepEqual(all.map((x) => x.item()), [0, 1, 2, 3, 4]);
  assert.equal(grown(() => all.forEach((x) => x[Symbol.dispose]())), -5);
});

Deno.test("tidy() bears a value that contains itself", () => {
  interface Ring {
    x: Tensor;
    self?: Ring;
  }
  const ring = tidy((): Ring => {
    const value: Ring = { x: ones([1]) };
    value.self = value;
    return value;
  });
  assert.equal(ring.x.item(), 1);
  ring.x[Symbol.dispose]();
});

Deno.test("tidy() moves what is returned one scope out", () => {
  const change = grown(() => {
    tidy(() => {
      const inner = tidy(() => ones([1]).add(1));
      assert.equal(inner.item(), 2);
      assert.equal(inner.isFreed, false);
    });
  });
  assert.equal(change, 0);
});

Deno.test("tidy() frees everything when the formula throws", () => {
  const escaped: Tensor[] = [];
  const change = grown(() => {
    assert.throws(() =>
      tidy(() => {
        escaped.push(ones([1]), ones([1]).add(1));
        throw new RangeError("no");
      }), RangeError);
  });
  assert.equal(change, 0);
  assert(escaped.every((x) => x.isFreed));
});

Deno.test("tidy() restores the outer scope after an inner exception", () => {
  const change = grown(() => {
    tidy(() => {
      try {
        tidy(() => {
          throw new Error("inner");
        });
      } catch {
        // expected
      }
      ones([1]);
    });
  });
  assert.equal(change, 0);
});

Deno.test("tidy() refuses a promise and frees what was made until then", () => {
  const change = grown(() => {
    assert.throws(
      () =>
        tidy(async () => {
          ones([1]);
          await Promise.resolve();
        }),
      { name: "TypeError", message: "tidy() takes no async function: a scope may not span an await" },
    );
  });
  assert.equal(change, 0);
});

Deno.test("a tensor freed inside of tidy() is not freed twice", () => {
  const change = grown(() => {
    tidy(() => {
      using x = ones([1]);
      const y = x.add(1);
      y[Symbol.dispose]();
      y[Symbol.dispose]();
      assert.equal(y.isFreed, true);
    });
  });
  assert.equal(change, 0);
});

Deno.test("tidy() leaves tensors alone that were made outside of it", () => {
  using x = ones([1]);
  tidy(() => x);
  assert.equal(x.isFreed, false);
  assert.equal(tidy(() => ({ x, twice: [x, x] })).x.item(), 1);
});

Deno.test("unscoped() lets an owner outlive the scope it is made in", () => {
  const owned = tidy(() => {
    const made = unscoped(() => ones([1]));
    return () => made;
  });
  assert.equal(owned().isFreed, false);
  owned()[Symbol.dispose]();
});

Deno.test("unscoped() restores the scope when it throws", () => {
  const change = grown(() => {
    tidy(() => {
      assert.throws(() =>
        unscoped(() => {
          throw new Error("no");
        })
      );
      ones([1]);
    });
  });
  assert.equal(change, 0);
});

Deno.test("using frees a tensor at the end of its block", () => {
  const change = grown(() => {
    using x = ones([3]);
    assert.equal(x.numel, 3);
  });
  assert.equal(change, 0);
});
