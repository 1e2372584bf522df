/** How the parameters of a transformer's blocks are had from its weights: in the wanted types, quantised where that is asked. */
import { type BlockParams, type BlockSource, isQuantizable, type Quantization, QuantizedWeight } from "../../nn/mod.ts";
import { type Device, type DType, Tensor, tidy } from "../../torch/mod.ts";
import type { Weights } from "../../weights/mod.ts";
import { weightsSource } from "../component.ts";

/** The weights of the linear layers of blocks: nearly all of a model. The rest stays as it is. */
const QUANTIZED = /^blocks\.\d+\.(attn[12]|ffn)\..*\.weight$/;

/** Whether a parameter of a transformer is among those that are quantised, and has a shape that can be. */
export function isQuantizedParam(
  key: string,
  { shape, quantization }: { shape: readonly number[]; quantization: Quantization },
): boolean {
  const [out, width, ...more] = shape;
  if (out === undefined || width === undefined || more.length > 0) return false;
  return QUANTIZED.test(key) && isQuantizable([out, width], quantization);
}

/** How parameters are read. */
export interface ReaderOptions {
  /** What to call the weights in messages. */
  readonly name: string;
  /** The type that a parameter is computed with. */
  readonly dtypeOf: (key: string) => DType;
  readonly quantization?: Quantization | undefined;
}

/** Reads parameters from open weights, which it owns. One weight is in memory in full at a time while it is quantised. */
export class ParamReader implements BlockSource {
  readonly dtypeOf: (key: string) => DType;
  readonly #weights: Weights;
  readonly #quantization: Quantization | undefined;
  readonly #mapped: (key: string) => Tensor;

  constructor(weights: Weights, options: ReaderOptions) {
    this.dtypeOf = options.dtypeOf;
    this.#weights = weights;
    this.#quantization = options.quantization;
    const source = weightsSource(weights, { name: options.name, dtypeOf: options.dtypeOf, mapped: true });
    this.#mapped = (key) => source.load(key);
  }

  /** How a parameter is quantised; undefined if it is not. */
  quantizationOf(key: string): Quantization | undefined {
    const quantization = this.#quantization;
    if (quantization === undefined) return undefined;
    return isQuantizedParam(key, { shape: this.#weights.shapeOf(key), quantization }) ? quantization : undefined;
  }

  quantizes(key: string): boolean {
    const quantization = this.quantizationOf(key);
    return quantization !== undefined &&
      tidy(() => quantization !== "fp8" || this.#weights.stored8?.(key, { mapped: true }) === undefined);
  }

  /** A weight in fewer bits, on a device; undefined if it is to stay as it is. */
  quantized(key: string, options: { device: Device; mapped?: boolean }): QuantizedWeight | undefined {
    const { device, mapped = false } = options;
    const quantization = this.quantizationOf(key);
    if (quantization === undefined) return undefined;
    const dtype = this.dtypeOf(key);
    return tidy(() => {
      const stored = quantization === "fp8" ? this.#weights.stored8?.(key, { mapped }) : undefined;
      if (stored !== undefined) {
        const codes = stored.codes.to({ device }), scales = stored.scales.to({ device });
        return QuantizedWeight.ofFp8({ codes, scales }, { dtype });
      }
      return QuantizedWeight.of(this.#weights.load(key, { device }), { quantization, dtype });
    });
  }

  load(key: string, device: Device): readonly Tensor[] {
    const quantized = this.quantized(key, { device });
    return quantized === undefined
      ? [this.#weights.load(key, { dtype: this.dtypeOf(key), device })]
      : Object.values(quantized.tensors);
  }

  mapped(key: string): readonly Tensor[] {
    const quantized = this.quantized(key, { device: "cpu", mapped: true });
    return quantized === undefined ? [this.#mapped(key)] : Object.values(quantized.tensors);
  }

  prefetch(keys: Iterable<string>): void {
    for (const key of keys) this.#weights.prefetch(key);
  }

  /** Lets go of the mapping; the weights can be read from again. */
  release(): void {
    this.#weights.release();
  }

  [Symbol.dispose](): void {
    this.#weights[Symbol.dispose]();
  }
}

/** Parameters of blocks whose elements are not here yet, as a model is built from them. */
export class AwayParams {
  /** Those that were asked for. */
  readonly blocks: readonly BlockParams[];
  readonly #blocks: readonly Map<string, readonly Tensor[]>[];
  readonly #weights: Weights;
  readonly #reader: ParamReader;
  readonly #device: Device;

  constructor(weights: Weights, options: { reader: ParamReader; device: Device; numBlocks: number }) {
    this.blocks = this.#blocks = Array.from({ length: options.numBlocks }, () => new Map());
    this.#weights = weights;
    this.#reader = options.reader;
    this.#device = options.device;
  }

  /** A parameter of a block; undefined for others. */
  param(key: string): Tensor | undefined {
    const block = this.#blockOf(key);
    if (block === undefined) return undefined;
    const param = Tensor.away({
      shape: this.#weights.shapeOf(key),
      dtype: this.#reader.dtypeOf(key),
      device: this.#device,
    });
    block.set(key, [param]);
    return param;
  }

  /** A weight of a block that is quantised; undefined for others. */
  quantized(key: string): QuantizedWeight | undefined {
    const block = this.#blockOf(key), quantization = this.#reader.quantizationOf(key);
    if (block === undefined || quantization === undefined) return undefined;
    const [out = 0, width = 0] = this.#weights.shapeOf(key);
    const dtype = this.#reader.dtypeOf(key);
    const weight = QuantizedWeight.away({ quantization, shape: [out, width], dtype, device: this.#device });
    block.set(key, Object.values(weight.tensors));
    return weight;
  }

  #blockOf(key: string): Map<string, readonly Tensor[]> | undefined {
    const index = /^blocks\.(\d+)\./.exec(key)?.[1];
    return index === undefined ? undefined : this.#blocks[Number(index)];
  }
}
