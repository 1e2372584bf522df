/**
 * Adapters other than LoRA. Their factors are float32; products run in float32 when the input is float32, else in the input's
 * type.
 * Sources: KohakuBlueleaf/LyCORIS lycoris/modules/{lokr,loha,full}.py; ComfyUI comfy/weight_adapter/{lokr,loha}.py
 */
import { linear, type Tensor } from "../torch/mod.ts";
import { type AdapterData, like, namedParts, type WeightAdapter } from "./adapter_data.ts";

/** ΔW = scale · w1 ⊗ w2, with w1 [a, c], w2 [b, d] and W [a·b, c·d]. */
export class Lokr implements WeightAdapter {
  readonly params: ReadonlyMap<string, Tensor>;
  strength = 1;
  readonly #data: AdapterData;
  readonly #scale: number;

  /** @param data factors, whole or as products; alpha counts only where one is a product */
  constructor(data: AdapterData) {
    const rank = (data.tensors.w2_b ?? data.tensors.w1_b)?.size(0);
    this.#data = data;
    this.#scale = rank === undefined || data.alpha === undefined ? 1 : data.alpha / rank;
    this.params = namedParts(data.tensors);
  }

  /** The products are never made as one matrix: x is seen as [..., c, d], w2 acts on d, then w1 on c. */
  delta(x: Tensor): Tensor {
    const [w1, w2] = [this.#factor(1), this.#factor(2)];
    const [a = 0, c = 0] = w1.shape, [b = 0, d = 0] = w2.shape;
    const outer = x.shape.slice(0, -1);
    const inner = linear(x.reshape([...outer, c, d]), like(x, w2)); // [..., c, b]
    const mixed = linear(inner.transpose(-1, -2), like(x, w1)); // [..., b, a]
    return mixed.transpose(-1, -2).reshape([...outer, a * b]).mul(this.strength * this.#scale);
  }

  weightChange(): Tensor {
    const [w1, w2] = [this.#factor(1).float(), this.#factor(2).float()];
    const [a = 0, c = 0] = w1.shape, [b = 0, d = 0] = w2.shape;
    return w1.reshape([a, 1, c, 1]).mul(w2.reshape([1, b, 1, d])).reshape([a * b, c * d]).mul(
      this.strength * this.#scale,
    );
  }

  #factor(number: 1 | 2): Tensor {
    const { tensors } = this.#data;
    const [whole, first, second] = number === 1
      ? [tensors.w1, tensors.w1_a, tensors.w1_b]
      : [tensors.w2, tensors.w2_a, tensors.w2_b];
    if (whole !== undefined) return whole;
    if (first !== undefined && second !== undefined) return first.matmul(second);
    throw new TypeError(`a LoKr without w${number}`);
  }
}

/** ΔW = (alpha / r) · (w1_a · w1_b) ⊙ (w2_a · w2_b). */
export class Loha implements WeightAdapter {
  readonly params: ReadonlyMap<string, Tensor>;
  strength = 1;
  readonly #factors: readonly [Tensor, Tensor, Tensor, Tensor];
  readonly #scale: number;

  constructor(data: AdapterData) {
    const { w1_a, w1_b, w2_a, w2_b } = data.tensors;
    if (w1_a === undefined || w1_b === undefined || w2_a === undefined || w2_b === undefined) {
      throw new TypeError("a LoHa without one of its four factors");
    }
    this.#factors = [w1_a, w1_b, w2_a, w2_b];
    this.#scale = data.alpha === undefined ? 1 : data.alpha / w1_b.size(0);
    this.params = namedParts(data.tensors);
  }

  delta(x: Tensor): Tensor {
    return linear(x, like(x, this.weightChange()));
  }

  weightChange(): Tensor {
    const [a, b, c, d] = this.#factors.map((factor) => factor.float()) as [Tensor, Tensor, Tensor, Tensor];
    return a.matmul(b).mul(c.matmul(d)).mul(this.strength * this.#scale);
  }
}

/** ΔW given in full. */
export class WeightDifference implements WeightAdapter {
  strength = 1;
  readonly #weight: Tensor;

  /** @param weight [out, in] */
  constructor(weight: Tensor) {
    this.#weight = weight;
  }

  get params(): ReadonlyMap<string, Tensor> {
    return new Map([["weight", this.#weight]]);
  }

  delta(x: Tensor): Tensor {
    return linear(x, like(x, this.#weight)).mul(this.strength);
  }

  weightChange(): Tensor {
    return this.#weight.float().mul(this.strength);
  }
}

/** A difference of the bias. */
export class BiasDifference implements WeightAdapter {
  strength = 1;
  readonly #bias: Tensor;

  /** @param bias [out] */
  constructor(bias: Tensor) {
    this.#bias = bias;
  }

  get params(): ReadonlyMap<string, Tensor> {
    return new Map([["bias", this.#bias]]);
  }

  /** @returns [out], the same for every row */
  delta(x: Tensor): Tensor {
    return like(x, this.#bias).mul(this.strength);
  }

  weightChange(): undefined {
    return undefined;
  }

  biasChange(): Tensor {
    return this.#bias.float().mul(this.strength);
  }
}
