/** Host memory that a device copies to and from beside other work. */
import { empty, noGrad, type Tensor, tidy } from "../torch/mod.ts";

/** Sizes of pieces: powers of two from this one on. */
const SMALLEST_PIECE = 2 ** 20;

/**
 * Bytes in host memory, in pieces: libtorch rounds pinned memory up to a power of two, so that the weights of a block, each by
 * itself or all in one, would take half as much again.
 */
export class HostBytes implements Disposable {
  readonly #pieces: readonly { readonly offset: number; readonly bytes: Tensor }[];

  /** Uninitialised; of the scope that it is made in, until it is disposed of. @param bytes how many @throws {OutOfMemory} */
  constructor(bytes: number, { pinned }: { pinned: boolean }) {
    using undo = new DisposableStack();
    let end = 0;
    this.#pieces = pieceSizes(bytes).map((size) => {
      const piece = { offset: end, bytes: undo.use(empty([size], { dtype: "uint8", pinned })) };
      end += size;
      return piece;
    });
    undo.move();
  }

  /** Fills in a tensor's elements from a place on, and waits for them. @param source anywhere, of any type */
  write(offset: number, source: Tensor): void {
    this.#each(bytesOf(source), { offset, copy: (here, there) => here.copy_(there) });
  }

  /** Copies a tensor's elements in, from the start on; nobody waits for a device's. */
  copyFrom(source: Tensor): void {
    this.#each(bytesOf(source), { offset: 0, copy: (here, there) => here.copy_(there, true) });
  }

  /** Copies as many bytes as a buffer has, from the start on, into it [n] uint8; nobody waits for a device. */
  copyTo(buffer: Tensor): void {
    this.#each(() => buffer, { offset: 0, copy: (here, there) => there.copy_(here, true) });
  }

  [Symbol.dispose](): void {
    for (const { bytes } of this.#pieces) bytes[Symbol.dispose]();
  }

  /** Hands on the parts of some bytes that stand here from a place on, with what is here in their place. */
  #each(
    make: () => Tensor,
    { offset, copy }: { offset: number; copy: (here: Tensor, there: Tensor) => void },
  ): void {
    noGrad(() =>
      tidy(() => {
        const there = make(), end = offset + there.numel;
        for (const piece of this.#pieces) {
          const from = Math.max(offset, piece.offset), to = Math.min(end, piece.offset + piece.bytes.numel);
          if (from >= to) continue;
          copy(piece.bytes.narrow(0, from - piece.offset, to - from), there.narrow(0, from - offset, to - from));
        }
      })
    );
  }
}

function bytesOf(source: Tensor): () => Tensor {
  return () => source.contiguous().reshape([-1]).viewAs("uint8");
}

/** Powers of two, the largest first, that hold so many bytes and waste less than the smallest piece. */
export function pieceSizes(bytes: number): number[] {
  const sizes: number[] = [];
  for (let rest = Math.ceil(bytes / SMALLEST_PIECE); rest > 0;) {
    const largest = 2 ** Math.floor(Math.log2(rest));
    sizes.push(largest * SMALLEST_PIECE);
    rest -= largest;
  }
  return sizes;
}
