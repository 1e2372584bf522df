/** Running layers one after the other without holding what lies between them. */
import { type Tensor, tidy } from "../../torch/mod.ts";

/**
 * Feeds each function what the one before returned; that is freed as soon as the next is there. Activations of a VAE are
 * its memory: a scope around all of a half would hold every one of them.
 * @param x stays the caller's
 * @param steps return fresh tensors
 */
export function inTurn(x: Tensor, steps: readonly ((x: Tensor) => Tensor)[]): Tensor {
  let y = x;
  for (const step of steps) {
    const last = y;
    y = tidy(() => step(last));
    if (last !== x) last[Symbol.dispose]();
  }
  return y;
}
