/** A block's input between forward and backward: where it is, or in host memory. */
import { type Device, empty, noGrad, type Tensor } from "../torch/mod.ts";

/** The same values as a leaf that wants a gradient. */
export function leaf(x: Tensor): Tensor {
  const detached = x.detach();
  detached.setRequiresGrad(true);
  return detached;
}

/** A block's input that is kept. */
export class KeptInput implements Disposable {
  readonly #device: Device;
  /** The leaf itself, or its copy. */
  readonly #kept: Tensor;
  readonly #isCopy: boolean;

  /** @param x the leaf; with `onHost` it is of no use to the engine any more and is freed */
  constructor(x: Tensor, { onHost }: { onHost: boolean }) {
    this.#device = x.device;
    this.#isCopy = onHost && x.device !== "cpu";
    this.#kept = this.#isCopy ? toHost(x) : x;
    if (this.#isCopy) x[Symbol.dispose]();
  }

  /** The input as a leaf on its device. Copies both ways are part of the device's stream: nobody waits for them. */
  take(): Tensor {
    return this.#isCopy ? leaf(this.#kept.to({ device: this.#device, nonBlocking: true })) : this.#kept;
  }

  [Symbol.dispose](): void {
    this.#kept[Symbol.dispose]();
  }
}

/** Into pinned memory, which is kept for the next step by libtorch's allocator. */
function toHost(x: Tensor): Tensor {
  return noGrad(() => {
    const host = empty(x.shape, { dtype: x.dtype, pinned: true });
    host.copy_(x, true);
    return host;
  });
}
