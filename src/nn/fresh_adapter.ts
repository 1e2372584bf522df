/** Adapters as they are before the first step: each starts without effect. */
import { type Generator, noGrad, rand, type Tensor, tidy, zeros } from "../torch/mod.ts";
import type { AdapterData } from "./adapter_data.ts";
import type { Linear } from "./linear.ts";

/** What a fresh adapter is like. */
export interface FreshOptions {
  readonly kind: "lora" | "dora" | "lokr";
  /** Inner width; a LoKr's second factor is whole where it is hardly larger. */
  readonly rank: number;
  /** The adapter is applied with scale alpha / rank. */
  readonly alpha: number;
  /** LoKr: largest side of the first factor, or "balanced" for sides as equal as they come. */
  readonly factor?: number | "balanced" | undefined;
  readonly generator: Generator;
}

/**
 * A fresh adapter for a layer, float32 on its device. Drawn on the generator's device, so that a seed means the same
 * everywhere. A DoRA needs the layer's weight.
 * Sources: peft tuners/lora/layer.py, reset_lora_parameters and dora.py, update_layer; LyCORIS modules/lokr.py, LokrModule
 */
export function freshAdapter(layer: Linear, options: FreshOptions): AdapterData {
  return tidy(() => {
    if (options.kind === "lokr") return freshLokr(layer, options);
    const { device } = layer;
    const { rank, alpha, generator } = options;
    const down = uniform([rank, layer.inFeatures], generator).to({ device });
    const up = zeros([layer.outFeatures, rank], { device });
    if (options.kind === "lora") return { kind: "lora", tensors: { down, up }, alpha };
    const magnitude = noGrad(() => layer.weight.float().square().sum([1]).sqrt());
    return { kind: "lora", tensors: { down, up, magnitude }, alpha };
  });
}

/** W [a·b, c·d] is changed by w1 [a, c] ⊗ w2 [b, d]; w2 is whole or a product, and zero. */
function freshLokr(layer: Linear, { rank, alpha, factor = "balanced", generator }: FreshOptions): AdapterData {
  const { device } = layer;
  const [a, b] = divided(layer.outFeatures, factor), [c, d] = divided(layer.inFeatures, factor);
  const w1 = uniform([a, c], generator).to({ device });
  if (rank >= Math.max(b, d) / 2) return { kind: "lokr", tensors: { w1, w2: zeros([b, d], { device }) } };
  const w2_a = uniform([b, rank], generator).to({ device });
  return { kind: "lokr", tensors: { w1, w2_a, w2_b: zeros([rank, d], { device }) }, alpha };
}

/**
 * A number as a product of two, the first not the larger: its largest divisor that is at most `factor`.
 * Source: LyCORIS functional/general.py, factorization
 */
function divided(size: number, factor: number | "balanced"): [number, number] {
  const most = Math.min(factor === "balanced" ? Infinity : factor, Math.floor(Math.sqrt(size)));
  let first = most;
  while (size % first !== 0) first--;
  return [first, size / first];
}

/** Uniform in ±1/√n, n being the rows' length: Kaiming with a = √5. */
function uniform(shape: readonly [number, number], generator: Generator): Tensor {
  const bound = 1 / Math.sqrt(shape[1]);
  const drawn = rand(shape, { generator });
  drawn.mul_(2 * bound);
  drawn.add_(-bound);
  return drawn;
}
