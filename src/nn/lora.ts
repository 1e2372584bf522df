/** Low-rank adapters: ΔW = strength · (alpha / rank) · B·A beside a frozen weight. Source: arXiv:2106.09685, section 4.1. */
import { linear, type Tensor } from "../torch/mod.ts";
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
    return linear(linear(x, like(x, this.down)), like(x, this.up)).mul(this.#scale);
  }

  weightChange(): Tensor {
    return this.up.float().matmul(this.down.float()).mul(this.#scale);
  }

  get #scale(): number {
    return this.strength * this.alpha / this.rank;
  }
}
