/** A block's parameters as one run of bytes, so that it is copied in a few large pieces, however many parameters it has. */
import { type DType, type Tensor, tidy } from "../torch/mod.ts";

/** Where parameters begin: at multiples of this, which suit every type and a card's memory. */
const ALIGNMENT = 256;

/** How the parameters of blocks of one kind lie one behind another. */
export class BlockLayout {
  /** First byte of each. */
  readonly offsets: readonly number[];
  /** Bytes in all. */
  readonly numBytes: number;
  readonly #kinds: readonly { readonly numBytes: number; readonly shape: readonly number[]; readonly dtype: DType }[];

  /** @param like a block's parameters, which may be away: their shapes and types */
  constructor(like: readonly Tensor[]) {
    let end = 0;
    this.#kinds = like.map(({ numBytes, shape, dtype }) => ({ numBytes, shape, dtype }));
    this.offsets = this.#kinds.map(({ numBytes }) => {
      const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
      end = offset + numBytes;
      return offset;
    });
    this.numBytes = end;
  }

  /** The parameters in a block's bytes [numBytes] uint8, as views. */
  views(buffer: Tensor): Tensor[] {
    return this.#kinds.map(({ numBytes, shape, dtype }, i) =>
      tidy(() => buffer.narrow(0, this.offsets[i] as number, numBytes).viewAs(dtype).view(shape))
    );
  }
}
