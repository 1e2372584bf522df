/** Weights in fewer bits than they are computed with: frozen bases that take a half or a quarter of their memory. */
import {
  dequantize,
  type Device,
  type DType,
  noGrad,
  type QuantizedKind,
  quantizedLinear,
  Tensor,
  tensor,
  tidy,
} from "../torch/mod.ts";

/**
 * How weights are quantised:
 * - `fp8`: 8-bit floats (e4m3) and a scale for each row, 8 bits a number
 * - `int8`: whole numbers within ±127 and a scale for each row, 8 bits a number
 * - `nf4`: the 16 quantiles of a normal distribution and a scale for 64 numbers, 4.5 bits a number
 *
 * Sources: arXiv:2208.07339, section 2 (int8, by rows); arXiv:2305.14314, section 3 (nf4)
 */
export type Quantization = "fp8" | "int8" | "nf4";

/** The largest number that a code of a row stands for. */
const LARGEST = { fp8: 448, int8: 127 } as const;
const NF4_BLOCK = 64;
/** Half way between neighbouring values of nf4; the values are those of ffi/linear.cpp. */
const NF4_BOUNDS = [
  ...[-0.8480964004993439, -0.6106329262256622, -0.4599952697753906, -0.33967943489551544, -0.23460740596055984],
  ...[-0.13791173323988914, -0.045525018125772476, 0.03979014977812767, 0.1202552504837513, 0.2035212516784668],
  ...[0.2920137718319893, 0.3893125355243683, 0.5016634166240692, 0.6427869200706482, 0.8614784181118011],
];

/** Whether a weight of this shape can be quantised so: nf4 wants a multiple of 64 numbers. */
export function isQuantizable([out, width]: readonly [number, number], quantization: Quantization): boolean {
  return quantization !== "nf4" || out * width % NF4_BLOCK === 0;
}

/** A weight [out, in] as codes and scales. Owned by whoever made it. */
export class QuantizedWeight {
  readonly shape: readonly [number, number];
  /** The type it is decoded to. */
  readonly dtype: DType;
  /** What it consists of; see `QuantizedTensors`. */
  readonly tensors: { readonly codes: Tensor; readonly scales: Tensor };
  readonly #kind: QuantizedKind;

  constructor(options: {
    kind: QuantizedKind;
    shape: readonly [number, number];
    dtype: DType;
    tensors: { readonly codes: Tensor; readonly scales: Tensor };
  }) {
    this.#kind = options.kind;
    this.shape = options.shape;
    this.dtype = options.dtype;
    this.tensors = options.tensors;
  }

  /** Quantises a weight [out, in], which stays the caller's; the arithmetic is float32 on its device. */
  static of(weight: Tensor, options: { quantization: Quantization; dtype: DType }): QuantizedWeight {
    const { quantization, dtype } = options;
    const shape = [weight.size(0), weight.size(1)] as const;
    const tensors = noGrad(() =>
      tidy(() => quantization === "nf4" ? nf4(weight.float()) : rows(weight.float(), quantization))
    );
    return new QuantizedWeight({ kind: kindOf(quantization), shape, dtype, tensors });
  }

  /** Codes float8_e4m3fn [out, in] and scales [out, 1] as a weight, which owns them. */
  static ofFp8(
    tensors: { readonly codes: Tensor; readonly scales: Tensor },
    { dtype }: { dtype: DType },
  ): QuantizedWeight {
    const shape = [tensors.codes.size(0), tensors.codes.size(1)] as const;
    return new QuantizedWeight({ kind: "rows", shape, dtype, tensors });
  }

  /** One whose codes and scales come and go. */
  static away(options: {
    quantization: Quantization;
    shape: readonly [number, number];
    dtype: DType;
    device: Device;
  }): QuantizedWeight {
    const { quantization, shape, dtype, device } = options;
    const [out, width] = shape;
    const is4 = quantization === "nf4";
    const codes = {
      shape: is4 ? [out * width / 2] : shape,
      dtype: ({ fp8: "float8_e4m3fn", int8: "int8", nf4: "uint8" } as const)[quantization],
      device,
    };
    const scales = { shape: [is4 ? out * width / NF4_BLOCK : out, 1], dtype: "float32" as const, device };
    return new QuantizedWeight({
      ...{ kind: kindOf(quantization), shape, dtype },
      tensors: { codes: Tensor.away(codes), scales: Tensor.away(scales) },
    });
  }

  get device(): Device {
    return this.tensors.codes.device;
  }

  /** x · wᵀ in x's dtype; the gradient of x is to be had, that of the weight is not. */
  product(x: Tensor): Tensor {
    return quantizedLinear(x, { kind: this.#kind, ...this.tensors }, this.shape[0]);
  }

  /** The weight decoded, [out, in] */
  dense(): Tensor {
    const { shape, dtype } = this;
    return dequantize({ kind: this.#kind, ...this.tensors }, { shape, dtype });
  }
}

function kindOf(quantization: Quantization): QuantizedKind {
  return quantization === "nf4" ? "nf4" : "rows";
}

/** The largest size in each row is the largest code; a row of zeros keeps a scale of 1. */
function rows(weight: Tensor, quantization: "fp8" | "int8"): { codes: Tensor; scales: Tensor } {
  const largest = LARGEST[quantization];
  const scales = scalesOf(weight, largest);
  const scaled = weight.div(scales);
  if (quantization === "int8") return { codes: scaled.round().to({ dtype: "int8" }), scales };
  return { codes: scaled.clamp(-largest, largest).to({ dtype: "float8_e4m3fn" }), scales };
}

function nf4(weight: Tensor): { codes: Tensor; scales: Tensor } {
  const blocks = weight.reshape([-1, NF4_BLOCK]);
  const scales = scalesOf(blocks, 1);
  const bounds = tensor(NF4_BOUNDS, { device: weight.device });
  const pairs = blocks.div(scales).bucketize(bounds).to({ dtype: "uint8" }).reshape([-1, 2]);
  return { codes: pairs.select(1, 0).mul(16).add(pairs.select(1, 1)), scales };
}

/** By a product: a card divides by a number so, and the host must give the same bits. */
function scalesOf(rowsOf: Tensor, largest: number): Tensor {
  const scales = rowsOf.abs().amax([1], true).mul(1 / largest);
  return scales.add(scales.eq(0).float());
}
