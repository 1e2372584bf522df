/** A block's input between forward and backward: where it is, or in host memory. */
import { HostBytes } from "../nn/mod.ts";
import { empty, noGrad, type Tensor, tidy } from "../torch/mod.ts";

/** The same values as a leaf that wants a gradient. */
export function leaf(x: Tensor): Tensor {
  const detached = x.detach();
  detached.setRequiresGrad(true);
  return detached;
}

/** A block's input that is kept. */
export interface KeptInput extends Disposable {
  /** The input as a leaf on its device, for the scope that asks. */
  take(): Tensor;
}

/** Keeps a leaf where it is, and owns it. */
export function keep(x: Tensor): KeptInput {
  return { take: () => x, [Symbol.dispose]: () => x[Symbol.dispose]() };
}

/**
 * Keeps a leaf in pinned host memory, which libtorch's allocator holds ready for the next step, and frees it. Copies both ways are
 * part of the device's stream: nobody waits for them.
 */
export function keepOnHost(x: Tensor): KeptInput {
  const { shape, dtype, device, numBytes } = x;
  const host = new HostBytes(numBytes, { pinned: device !== "cpu" });
  host.copyFrom(x);
  x[Symbol.dispose]();
  return {
    take: () =>
      tidy(() => {
        const buffer = empty([numBytes], { dtype: "uint8", device });
        host.copyTo(buffer);
        return leaf(noGrad(() => buffer.viewAs(dtype).view(shape)));
      }),
    [Symbol.dispose]: () => host[Symbol.dispose](),
  };
}
