/** Dropout on what adapters see, drawn anew by number and layer, so that a recomputed or resumed forward drops the same. */
import { Generator, rand, type Tensor, tidy } from "../torch/mod.ts";
import { type Adapter, withAdapter } from "./linear.ts";

/** The dropout of a set of adapters. Nothing is dropped unless a forward is for training. */
export class AdapterDropout {
  readonly #rate: number;
  #seedOf: ((path: string) => bigint) | undefined;

  /** @param rate share of the inputs that is dropped, from 0 to below 1 */
  constructor(rate: number) {
    this.#rate = rate;
  }

  /** Drops from now on, for one forward and backward. @param seedOf the seed of each layer's draw, by its path */
  begin(seedOf: (path: string) => bigint): void {
    this.#seedOf = seedOf;
  }

  /** Drops no more. */
  end(): void {
    this.#seedOf = undefined;
  }

  /** x with some values zero and the others larger for it; x itself where nothing is dropped. */
  apply(x: Tensor, path: string): Tensor {
    const seedOf = this.#seedOf;
    if (this.#rate === 0 || seedOf === undefined) return x;
    return tidy(() => {
      using generator = Generator.seeded(seedOf(path), x.device); // on the device: a draw as large as the input
      const kept = rand(x.shape, { generator }).ge(this.#rate).to({ dtype: x.dtype });
      return x.mul(kept).mul(1 / (1 - this.#rate));
    });
  }
}

/** An adapter whose input has dropout. Source: peft tuners/lora/layer.py, Linear.forward */
export class Dropped implements Adapter {
  readonly #inner: Adapter;
  readonly #dropout: AdapterDropout;
  readonly #path: string;

  constructor(inner: Adapter, options: { dropout: AdapterDropout; path: string }) {
    this.#inner = inner;
    this.#dropout = options.dropout;
    this.#path = options.path;
  }

  get params(): ReadonlyMap<string, Tensor> {
    return this.#inner.params;
  }

  delta(x: Tensor): Tensor {
    return this.#inner.delta(this.#dropout.apply(x, this.#path));
  }

  addTo(y: Tensor, x: Tensor): Tensor {
    return withAdapter(y, { adapter: this.#inner, x: this.#dropout.apply(x, this.#path) });
  }
}
