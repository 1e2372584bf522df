/**
 * Weight-decomposed adaptation: the adapted weight keeps the direction that another adapter gives it, and gets a length of its
 * own for each row (or, in older LyCORIS files, for each column): W' = m · (W + ΔW) / ‖W + ΔW‖. The strength goes from W to W'.
 * Sources: arXiv:2402.09353, section 4; peft src/peft/tuners/lora/dora.py; ComfyUI comfy/weight_adapter/base.py, weight_decompose
 */
import { linear, noGrad, type Tensor, tidy, unscoped } from "../torch/mod.ts";
import { like, type WeightAdapter } from "./adapter_data.ts";

/** A DoRA around the adapter that gives the direction. */
export class Dora implements WeightAdapter, Disposable {
  strength = 1;
  readonly #inner: WeightAdapter;
  readonly #magnitude: Tensor;
  readonly #layer: { readonly weight: Tensor };
  /** Lengths of the rows [out] or of the columns [in], once computed; not kept while they change in training. */
  #lengths: Tensor | undefined;

  /**
   * @param inner at strength 1
   * @param options.magnitude m: [out] or [out, 1] for rows, [1, in] for columns
   * @param options.layer whose weight is decomposed
   */
  constructor(inner: WeightAdapter, options: { magnitude: Tensor; layer: { readonly weight: Tensor } }) {
    this.#inner = inner;
    this.#magnitude = options.magnitude;
    this.#layer = options.layer;
  }

  get params(): ReadonlyMap<string, Tensor> {
    return new Map([...this.#inner.params, ["magnitude", this.#magnitude]]);
  }

  delta(x: Tensor): Tensor {
    const { weight } = this.#layer;
    const gain = like(x, this.#magnitude.float().flatten().div(this.#fixedLengths(weight)));
    const base = like(x, weight);
    const change = this.#byRow(weight)
      ? linear(x, base).mul(gain.sub(1)).add(this.#inner.delta(x).mul(gain))
      : linear(x.mul(gain.sub(1)), base).add(this.#inner.delta(x.mul(gain)));
    return change.mul(this.strength);
  }

  weightChange(weight: Tensor): Tensor {
    const gain = this.#magnitude.float().flatten().div(this.#lengthsOf(weight));
    const full = this.#directed(weight).mul(this.#byRow(weight) ? gain.unsqueeze(1) : gain.unsqueeze(0));
    return full.sub(weight.float()).mul(this.strength);
  }

  /** Frees what it computed; the parameters are the owner's. */
  [Symbol.dispose](): void {
    this.#lengths?.[Symbol.dispose]();
    this.#lengths = undefined;
  }

  /** W + ΔW, float32 */
  #directed(weight: Tensor): Tensor {
    const change = this.#inner.weightChange(weight);
    return change === undefined ? weight.float() : weight.float().add(change);
  }

  #byRow(weight: Tensor): boolean {
    return this.#magnitude.size(0) === weight.size(0);
  }

  /** ‖W + ΔW‖ as a constant: no gradient goes through the lengths, which saves its memory (arXiv:2402.09353, section 4.3). */
  #fixedLengths(weight: Tensor): Tensor {
    if (this.#lengths !== undefined) return this.#lengths;
    const lengths = noGrad(() => tidy(() => this.#lengthsOf(weight)));
    if (!this.#magnitude.requiresGrad) this.#lengths = unscoped(() => lengths.alias());
    return lengths;
  }

  /** ‖W + ΔW‖ [out] or [in], float32 */
  #lengthsOf(weight: Tensor): Tensor {
    return this.#directed(weight).square().sum([this.#byRow(weight) ? 1 : 0]).sqrt();
  }
}
