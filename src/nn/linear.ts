/**
 * The linear layer. It owns its precision and its adapters, so that there is one model and not one for each precision or
 * training method.
 */
import { type Device, type DType, hostLinear, linear, type Tensor } from "../torch/mod.ts";
import type { Params } from "./params.ts";
import { QuantizedWeight } from "./quantized.ts";

/** Something that maps a tensor to a tensor. */
export interface Layer {
  forward(x: Tensor): Tensor;
}

/** What can hang on a linear layer: it sees the layer's input and adds to its output. */
export interface Adapter {
  /** Trained tensors by their name within the layer, `lora_A.weight`. */
  readonly params: ReadonlyMap<string, Tensor>;
  /** @returns what is added to the layer's output, in the layer's dtype */
  delta(x: Tensor): Tensor;
  /** y plus what `delta` gives, where the sum can be had without it. */
  addTo?(y: Tensor, x: Tensor): Tensor;
}

/** A layer's output with what an adapter adds. @param x the layer's input */
export function withAdapter(y: Tensor, { adapter, x }: { adapter: Adapter; x: Tensor }): Tensor {
  return adapter.addTo?.(y, x) ?? y.add(adapter.delta(x));
}

/** y = x·Wᵀ + b, plus what its adapters add. */
export class Linear implements Layer {
  readonly bias: Tensor | undefined;
  /** The layer's dotted path, `blocks.0.attn1.to_q`: adapters are named by it. */
  readonly path: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly adapters: Adapter[] = [];
  readonly #weight: Tensor | QuantizedWeight;

  constructor(
    options: {
      weight: Tensor | QuantizedWeight;
      bias: Tensor | undefined;
      path: string;
      inFeatures: number;
      outFeatures: number;
    },
  ) {
    this.#weight = options.weight;
    this.bias = options.bias;
    this.path = options.path;
    this.inFeatures = options.inFeatures;
    this.outFeatures = options.outFeatures;
  }

  /** Asks for `weight` [out, in] and, unless told otherwise, `bias` [out]. */
  static load(p: Params, options: { inFeatures: number; outFeatures: number; bias?: boolean }): Linear {
    const { inFeatures, outFeatures } = options;
    const weight = p.weight("weight", [outFeatures, inFeatures]);
    const bias = options.bias === false ? undefined : p.get("bias", [outFeatures]);
    return new Linear({ weight, bias, path: p.path, inFeatures, outFeatures });
  }

  /** [out, in]. A quantised one is decoded anew each time, for the scope that asks. */
  get weight(): Tensor {
    return this.#weight instanceof QuantizedWeight ? this.#weight.dense() : this.#weight;
  }

  /** The type that is computed in. */
  get dtype(): DType {
    return this.#weight.dtype;
  }

  get device(): Device {
    return this.#weight.device;
  }

  /** Whether the weight is kept in fewer bits than it is computed with. */
  get isQuantized(): boolean {
    return this.#weight instanceof QuantizedWeight;
  }

  /** @param x [..., in] in any floating dtype; computed in the layer's dtype, returned in it */
  forward(x: Tensor): Tensor {
    const input = x.inType(this.dtype);
    let y = this.#product(input);
    for (const adapter of this.adapters) y = withAdapter(y, { adapter, x: input });
    return y;
  }

  #product(x: Tensor): Tensor {
    const weight = this.#weight;
    if (!(weight instanceof QuantizedWeight)) {
      const product = weight.dtype === "bfloat16" && weight.device === "cpu" ? hostLinear : linear;
      return product(x, weight, this.bias);
    }
    const y = weight.product(x);
    return this.bias === undefined ? y : y.add(this.bias);
  }
}
