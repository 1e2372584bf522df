/**
 * Two sets of a block's parameters on a device. While one is computed with, the other is filled on a stream of its own; so
 * memory stays at two blocks however far the host runs ahead of the device.
 */
import { CopyStream, type Device, DeviceEvent, empty, noGrad, type Tensor, tidy, unscoped } from "../torch/mod.ts";
import type { BlockLayout } from "./block_layout.ts";
import type { HostBytes } from "./host_bytes.ts";

interface Set {
  /** The parameters' bytes. */
  readonly buffer: Tensor;
  /** Views of them. */
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
  readonly #owned: DisposableStack;
  /** The block computed with now, or last. */
  #current: number | undefined;

  /** @throws {OutOfMemory} if the device has no room for two blocks; then it has all that it had */
  constructor(layout: BlockLayout, device: Device) {
    using owned = new DisposableStack();
    this.#stream = owned.use(new CopyStream(device));
    this.#sets = unscoped(() => [0, 1].map(() => makeSet(layout, { device, owned })));
    this.#owned = owned.move();
  }

  /**
   * Starts filling a set with a block, unless one holds it.
   * @param source the block in host memory, or what gives its parameters' elements, which are freed
   */
  fetch(block: number, source: HostBytes | (() => readonly Tensor[])): void {
    if (this.#holding(block) !== undefined) return;
    const set = this.#sets.find((other) => other.block === undefined) ??
      this.#sets.find((other) => other.block !== this.#current);
    if (set === undefined) throw new RangeError("a ring of blocks holds one block twice");
    set.block = undefined; // should the filling fail
    this.#stream.run(() => {
      set.used.wait();
      try {
        if (typeof source === "function") fill(set.params, source);
        else source.copyTo(set.buffer);
      } finally {
        set.filled.record(); // also of a part: whoever gets the memory next comes after it
      }
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
    for (const { filled } of this.#sets) filled.wait(); // whoever gets the memory next comes after the copy
    this.#owned.dispose();
  }

  #holding(block: number): Set | undefined {
    return this.#sets.find((set) => set.block === block);
  }
}

function makeSet(layout: BlockLayout, { device, owned }: { device: Device; owned: DisposableStack }): Set {
  const buffer = owned.use(empty([layout.numBytes], { dtype: "uint8", device }));
  const params = layout.views(buffer).map((param) => owned.use(param));
  const [filled, used] = [0, 1].map(() => owned.use(new DeviceEvent(device))) as [DeviceEvent, DeviceEvent];
  used.record(); // what the main stream still does with this memory comes first
  return { buffer, params, filled, used, block: undefined };
}

function fill(params: readonly Tensor[], elements: () => readonly Tensor[]): void {
  noGrad(() =>
    tidy(() => {
      const sources = elements();
      params.forEach((param, i) => param.copy_(sources[i] as Tensor, true));
    })
  );
}
