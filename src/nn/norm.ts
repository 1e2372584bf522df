/** Normalisations. Statistics run in float32 whatever the input is. */
import { layerNorm, rmsNorm, type Tensor } from "../torch/mod.ts";
import type { Layer } from "./linear.ts";
import type { Params } from "./params.ts";

/** LayerNorm over the last dimension in float32. @returns [..., C] float32 */
export class LayerNorm implements Layer {
  readonly #width: number;
  readonly #eps: number;
  readonly weight: Tensor | undefined;
  readonly bias: Tensor | undefined;

  private constructor(width: number, options: { eps: number; weight?: Tensor; bias?: Tensor }) {
    this.#width = width;
    this.#eps = options.eps;
    this.weight = options.weight;
    this.bias = options.bias;
  }

  /** With `weight` [C] and `bias` [C]. */
  static load(p: Params, options: { width: number; eps: number }): LayerNorm {
    const { width, eps } = options;
    return new LayerNorm(width, { eps, weight: p.get("weight", [width]), bias: p.get("bias", [width]) });
  }

  /** Without parameters. */
  static plain(options: { width: number; eps: number }): LayerNorm {
    return new LayerNorm(options.width, { eps: options.eps });
  }

  /** @param x [..., C] */
  forward(x: Tensor): Tensor {
    return layerNorm(x.inType("float32"), [this.#width], { weight: this.weight, bias: this.bias, eps: this.#eps });
  }
}

/** RMSNorm over the last dimension: x / √(mean(x²) + eps) · weight, in x's dtype with float32 statistics. */
export class RmsNorm implements Layer {
  readonly #width: number;
  readonly #eps: number;
  readonly weight: Tensor;

  private constructor(weight: Tensor, options: { width: number; eps: number }) {
    this.weight = weight;
    this.#width = options.width;
    this.#eps = options.eps;
  }

  /** With `weight` [C]. */
  static load(p: Params, options: { width: number; eps: number }): RmsNorm {
    return new RmsNorm(p.get("weight", [options.width]), options);
  }

  /** @param x [..., C] */
  forward(x: Tensor): Tensor {
    return rmsNorm(x, [this.#width], { weight: this.weight.inType(x.dtype), eps: this.#eps });
  }
}
