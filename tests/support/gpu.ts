/** What tests on a card share. Where there is none they are skipped, and that is said. */
import assert from "node:assert/strict";
import { cudaDeviceCount, type Device, deviceMemory, linear, noGrad, ones, tidy } from "../../src/torch/mod.ts";
import { useTorch } from "./torch.ts";

await useTorch();

export const CARD: Device = "cuda:0";
const missing = cudaDeviceCount() === 0;
// deno-lint-ignore no-console
if (missing) console.log("skipped: there is no card, or libtorch was built without CUDA");

/** A test that needs a card. */
export function cardTest(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name, ignore: missing, fn });
}

/** Asserts that a card's tensors are as many bytes after some work as before; the libraries' work space is made first. */
export function allFreed(work: () => void): void {
  noGrad(() =>
    tidy(() => {
      const matrix = ones([64, 64], { device: CARD });
      linear(matrix.matmul(matrix), matrix, matrix.select(0, 0)).toNumbers(); // cuBLAS and cuBLASLt have one each
    })
  );
  const { allocated } = deviceMemory(CARD);
  work();
  assert.equal(deviceMemory(CARD).allocated, allocated, "tensors were left on the card");
}
