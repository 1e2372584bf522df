/** Low-rank adapters: ΔW = strength · (alpha / rank) · B·A beside a frozen weight. Source: arXiv:2106.09685, section 4.1. */
import { addmm, linear, type Tensor } from "../torch/mod.ts";
import { like, type WeightAdapter } from "./adapter_data.ts";

/** A LoRA on one linear layer; its matrices are float32 whatever the base weight is. */
export class Lora implements WeightAdapter {
  /** A [rank, in] */
  readonly down: Tensor;
  /** B [out, rank] */
  readonly up: Tensor;
  readonly rank: number;
  readonly alpha: number;
  /** Factor on top of alpha / rank; 1 while training. */
  strength = 1;

  constructor(options: { down: Tensor; up: Tensor; alpha: number }) {
    this.down = options.down;
    this.up = options.up;
    this.rank = options.down.size(0);
    this.alpha = options.alpha;
  }

  get params(): ReadonlyMap<string, Tensor> {
    return new Map([["lora_A.weight", this.down], ["lora_B.weight", this.up]]);
  }

  /** @param x [..., in] @returns [..., out] in x's dtype; the products run in float32 when x is float32, else in x's dtype */
  delta(x: Tensor): Tensor {
    // The scale goes to the narrow tensor.
    return linear(linear(x, like(x, this.down)).mul(this.#scale), like(x, this.up));
  }

  /** The product with B is added as it is made: one pass over the output less, and one tensor of its size. */
  addTo(y: Tensor, x: Tensor): Tensor {
    const inner = linear(x, like(x, this.down)).reshape([-1, this.rank]);
    const flat = y.reshape([-1, this.up.size(0)]);
    return addmm(flat, { a: inner, b: like(x, this.up).t(), alpha: this.#scale }).reshape(y.shape);
  }

  weightChange(): Tensor {
    return this.up.float().matmul(this.down.float()).mul(this.#scale);
  }

  get #scale(): number {
    return this.strength * this.alpha / this.rank;
  }
}
