/** What tests of tensors share: libtorch opened once, and the proof that a test left no tensor behind. */
import assert from "node:assert/strict";
import { findLibtorch, shimFor } from "../../src/setup/mod.ts";
import { libtorchMinor, liveHandles, openTorch, tidy } from "../../src/torch/mod.ts";

/** Opens libtorch for this test process. Call it at the top of a test file: `await useTorch()`. */
export async function useTorch(): Promise<void> {
  const { dir } = await findLibtorch();
  const minor = libtorchMinor(dir);
  openTorch({ libtorch: dir, shim: await shimFor(dir, { minor }), torchMinor: minor, threads: 2 });
}

/** Runs a test body in a scope and asserts that as many native handles live afterwards as before. */
export function leakFree(body: () => void): void {
  const before = liveHandles();
  tidy(() => {
    body();
  });
  assert.equal(liveHandles(), before, "tensors were left behind");
}
