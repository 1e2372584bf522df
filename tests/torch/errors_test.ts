import assert from "node:assert/strict";
import { ConfigError, OutOfMemory, TorchError } from "../../src/base/mod.ts";
import { type Device, empty, liveHandles, ones, ops, type Tensor, tensor, tidy, zeros } from "../../src/torch/mod.ts";
import { shimError } from "../../src/torch/call.ts";
import { native, writeText } from "../../src/torch/library.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

function thrown(body: () => unknown): Error {
  try {
    body();
  } catch (error) {
    return error as Error;
  }
  assert.fail("nothing was thrown");
}

Deno.test("an operator's error names the operator, types, shapes and the reason", () => {
  leakFree(() => {
    const x = zeros([2, 3]), y = zeros([4, 5], { dtype: "float64" });
    const error = thrown(() => x.matmul(y));
    assert(error instanceof TorchError);
    assert.equal(
      error.message,
      "aten::matmul(float32 [2, 3], float64 [4, 5]): mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)",
    );
  });
});

Deno.test("plain arguments and lists are told as they were given", () => {
  leakFree(() => {
    const x = zeros([2, 3]);
    assert.match(thrown(() => x.reshape([4, 2])).message, /^aten::reshape\(float32 \[2, 3\], \[4, 2\]\): shape/);
    assert.match(
      thrown(() => x.select(5, 0)).message,
      /^aten::select\.int\(float32 \[2, 3\], 5, 0\): Dimension out of range/,
    );
    assert.match(
      thrown(() => ops.cat(Array.from({ length: 6 }, (_, i) => zeros([i + 1, i + 1]).handle), 0)).message,
      /^aten::cat\(\[float32 \[1, 1\], float32 \[2, 2\], float32 \[3, 3\], float32 \[4, 4\], … 6 in all\], 0\): /,
    );
  });
});

Deno.test("an error leaves no tensor behind and the next call works", () => {
  const x = ones([2]);
  const before = liveHandles();
  for (let i = 0; i < 100; i++) assert.throws(() => x.reshape([3]), TorchError);
  assert.equal(liveHandles(), before);
  assert.equal(tidy(() => x.add(1).sum().item()), 4);
  x[Symbol.dispose]();
});

Deno.test("a freed tensor is refused wherever it is used", () => {
  leakFree(() => {
    const gone = ones([2]), x = ones([2]);
    assert.equal(gone.isFreed, false);
    gone[Symbol.dispose]();
    gone[Symbol.dispose](); // twice does nothing
    assert.equal(gone.isFreed, true);
    const message = /the tensor behind this handle was freed or never existed/;
    assert.throws(() => gone.add(1), { name: "TorchError", message });
    assert.throws(() => x.add(gone), { name: "TorchError", message });
    assert.throws(() => x.add_(gone), { name: "TorchError", message });
    assert.throws(() => gone.shape, { name: "TorchError", message });
    assert.throws(() => gone.item(), { name: "TorchError", message });
  });
});

Deno.test("the shim notices stale, doubled and invented handles", () => {
  leakFree(() => {
    const { symbols } = native();
    const x = ones([1]);
    const stale = x.handle;
    x[Symbol.dispose]();
    const BAD_HANDLE = -3;
    assert.equal(symbols.wt_free(stale), BAD_HANDLE);
    const next = ones([1]); // most likely in the same slot
    assert.notEqual(next.handle, stale);
    assert.equal(symbols.wt_meta(stale), BAD_HANDLE);
    for (const invented of [0, -1, 2 ** 31 - 1, 8_000_000]) {
      assert.equal(symbols.wt_meta(invented), BAD_HANDLE);
      assert.equal(symbols.wt_free(invented), BAD_HANDLE);
    }
  });
});

Deno.test("a handle's slot is told apart through 255 owners", () => {
  leakFree(() => {
    const { symbols } = native();
    const seen = new Set<number>();
    for (let i = 0; i < 255; i++) {
      const x: Tensor = ones([1]);
      assert.equal(seen.has(x.handle), false);
      seen.add(x.handle);
      x[Symbol.dispose]();
    }
    for (const handle of seen) assert(symbols.wt_meta(handle) < 0);
  });
});

Deno.test("wrong words in the argument buffer are errors, not reads past its end", () => {
  leakFree(() => {
    const { symbols, words } = native();
    const BAD_ARGUMENT = -4;
    words[0] = 99;
    assert.equal(symbols.wt_call(0, 1), BAD_ARGUMENT); // no such tag
    words.set([6, words.length]);
    assert.equal(symbols.wt_call(0, 1), BAD_ARGUMENT); // a list longer than the buffer
    words.set([6, -1]);
    assert.equal(symbols.wt_call(0, 1), BAD_ARGUMENT);
    words.set([6, NaN]);
    assert.equal(symbols.wt_call(0, 1), BAD_ARGUMENT);
    words[0] = 13; // a default where there is none
    assert.equal(symbols.wt_call(0, 1), BAD_ARGUMENT);
    assert.equal(symbols.wt_call(0, 100), BAD_ARGUMENT); // more arguments than the operator has
    assert.equal(symbols.wt_call(1_000_000, 0), BAD_ARGUMENT); // no such operator
    assert.equal(symbols.wt_autograd_grad(words.length, 1, 0), BAD_ARGUMENT);
  });
});

Deno.test("a list that is too long for a call is refused before it", () => {
  leakFree(() => {
    const handles = new Array(70_000).fill(ones([1]).handle);
    assert.throws(() => ops.cat(handles, 0), { name: "RangeError", message: /70000 values is too long/ });
  });
});

Deno.test("an allocation the host cannot make is OutOfMemory with a cure", () => {
  leakFree(() => {
    const error = thrown(() => empty([2 ** 46]));
    assert(error instanceof OutOfMemory, String(error));
    assert.match(error.message, /^Out of memory in aten::empty\.memory_format/);
    assert(error.cure !== undefined && error.cure.length > 0);
    assert.equal(error.exitCode, 4);
    assert.equal(ones([2]).sum().item(), 2);
  });
});

Deno.test("unknown devices and operators of a missing device are refused", () => {
  leakFree(() => {
    assert.throws(() => zeros([1], { device: "tpu" as Device }), ConfigError);
    assert.throws(() => tensor([1, 2]).item(), { name: "TorchError", message: /2 elements/ });
  });
});

Deno.test("tensors of the meta device have shapes and no values", () => {
  leakFree(() => {
    const x = zeros([1024, 1024, 1024], { device: "meta" });
    const y = x.reshape([1024, -1]).transpose(0, 1);
    assert.deepEqual([y.shape, y.device], [[1024 * 1024, 1024], "meta"]);
    assert.throws(() => x.toBytes(), { name: "TorchError" });
  });
});

Deno.test("an operator that cannot give the same bits each time is refused with a cure", () => {
  // What libtorch says on a card; the host has no such operator among ours.
  const text = "cumsum_cuda_kernel does not have a deterministic implementation, but you set another mode";
  const { symbols } = native();
  assert.equal(symbols.wt_operator(writeText(native(), "aten::none")), -6); // so that the shim has a text
  const told = shimError(-1, text);
  assert(told instanceof TorchError);
  assert.equal(told.cure, "Set train.deterministic to false.");
});
