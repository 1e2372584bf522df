/**
 * Two sets of a block's parameters on a device. While one is computed with, the other is filled on a stream of its own; so
 * memory stays at two blocks however far the host runs ahead of the device.
 */
import { CopyStream, type Device, DeviceEvent, empty, noGrad, type Tensor, tidy, unscoped } from "../torch/mod.ts";

interface Set {
  readonly params: readonly Tensor[];
  /** The filling has ended. */
  readonly filled: DeviceEvent;
  /** The computing with it has ended. */
  readonly used: DeviceEvent;
  /** The block it holds. */
  block: number | undefined;
}

/** Blocks on their way through a device, two at a time. */
export class BlockRing implements Disposable {
  readonly #stream: CopyStream;
  readonly #sets: readonly Set[];
  /** The block computed with now, or last. */
  #current: number | undefined;

  /** @param like a block's parameters: their shapes and types */
  constructor(like: readonly Tensor[], device: Device) {
    this.#stream = new CopyStream(device);
    this.#sets = unscoped(() => [0, 1].map(() => makeSet(like, device)));
  }

  /**
   * Starts filling a set with a block, unless one holds it.
   * @param elements gives the parameters' elements in host memory, which are freed
   */
  fetch(block: number, elements: () => readonly Tensor[]): void {
    if (this.#holding(block) !== undefined) return;
    const set = this.#sets.find((other) => other.block === undefined) ??
      this.#sets.find((other) => other.block !== this.#current);
    if (set === undefined) throw new RangeError("a ring of blocks holds one block twice");
    set.block = undefined; // should the filling fail
    this.#stream.run(() => {
      set.used.wait();
      noGrad(() =>
        tidy(() => {
          const sources = elements();
          set.params.forEach((param, i) => param.copy_(sources[i] as Tensor, true));
        })
      );
      set.filled.record();
    });
    set.block = block;
  }

  /** The parameters of a block that was fetched, for the device's main stream; other handles of the set's tensors. */
  take(block: number): Tensor[] {
    const set = this.#holding(block);
    if (set === undefined) throw new RangeError(`block ${block} was not fetched`);
    this.#current = block;
    set.filled.wait();
    return unscoped(() => set.params.map((param) => param.alias()));
  }

  /** The computing with a block that was given to the main stream up to now is all there is. */
  done(block: number): void {
    this.#holding(block)?.used.record();
  }

  /** Holds a block no more: its elements are others now. */
  forget(block: number): void {
    const set = this.#holding(block);
    if (set !== undefined) set.block = undefined;
  }

  [Symbol.dispose](): void {
    for (const { params, filled, used } of this.#sets) {
      filled.wait(); // whoever gets the memory next comes after the copy
      for (const param of params) param[Symbol.dispose]();
      filled[Symbol.dispose]();
      used[Symbol.dispose]();
    }
    this.#stream[Symbol.dispose]();
  }

  #holding(block: number): Set | undefined {
    return this.#sets.find((set) => set.block === block);
  }
}

function makeSet(like: readonly Tensor[], device: Device): Set {
  const params = like.map(({ shape, dtype }) => empty(shape, { dtype, device }));
  const used = new DeviceEvent(device);
  used.record(); // what the main stream still does with this memory comes first
  return { params, filled: new DeviceEvent(device), used, block: undefined };
}

/** A host tensor that a card can copy from beside other work: in pinned memory. Takes over `loaded`. */
export function hostCopy(loaded: Tensor, device: Device): Tensor {
  if (device === "cpu") return loaded;
  using plain = loaded;
  const pinned = empty(plain.shape, { dtype: plain.dtype, pinned: true });
  pinned.copy_(plain);
  return pinned;
}
