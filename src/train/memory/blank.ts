/**
 * Parts of a model as they are measured before any weight is loaded: of the model's shape, their numbers zeros, and as little of them
 * in memory as a measurement needs.
 */
import {
  BlockWeights,
  buildModel,
  type Built,
  type ParamSource,
  type Quantization,
  QuantizedWeight,
} from "../../nn/mod.ts";
import { type Device, type DType, Tensor, zeros } from "../../torch/mod.ts";
import {
  isQuantizedParam,
  keepsFloat32,
  type ModelSource,
  transformerShapes,
  Umt5Encoder,
  umt5Shapes,
  vaeShapes,
  WanTransformer,
  WanVae,
} from "../../wan/mod.ts";

/** How a blank transformer is made. */
export interface BlankOptions {
  readonly device: Device;
  readonly dtype: DType;
  /** Whether one block is there as a trained one is; else each block's weights come in its turn. */
  readonly isFull: boolean;
  readonly quantization: Quantization | undefined;
}

/** A transformer of a model's shape: stem and head are zeros, and so is each block in its turn. The caller owns the parameters. */
export function blankTransformer(models: ModelSource, options: BlankOptions): Built<WanTransformer> {
  const { device, dtype, isFull, quantization } = options;
  const config = models.transformerConfig;
  const shapes = transformerShapes(config);
  const blank = (key: string): Tensor => zeros(shapes.get(key) ?? [], { dtype: typeOf(key), device });
  const typeOf = (key: string): DType => keepsFloat32(key) ? "float32" : dtype;
  const blocks = Array.from({ length: config.numLayers }, () => new Map<string, readonly Tensor[]>());
  const blockOf = (key: string): Map<string, readonly Tensor[]> | undefined => {
    const index = /^blocks\.(\d+)\./.exec(key)?.[1];
    return index === undefined ? undefined : blocks[Number(index)];
  };
  const source: ParamSource = {
    name: "nothing",
    keys: () => [],
    shapeOf: (key) => shapes.get(key),
    load: (key) => {
      const block = blockOf(key);
      if (block === undefined || (isFull && block === blocks[0])) return blank(key);
      const param = Tensor.away({ shape: shapes.get(key) ?? [], dtype: typeOf(key), device });
      block.set(key, [param]);
      return param;
    },
    loadQuantized: (key) => {
      const shape = shapes.get(key) ?? [], [out = 0, width = 0] = shape;
      if (quantization === undefined || !isQuantizedParam(key, { shape, quantization })) return undefined;
      const weight = QuantizedWeight.away({ quantization, shape: [out, width], dtype: typeOf(key), device });
      blockOf(key)?.set(key, Object.values(weight.tensors));
      return weight;
    },
  };
  const built = buildModel(source, { build: (p) => new WanTransformer(p, config), what: "the transformer" });
  if (!isFull) {
    const one = (key: string): Tensor[] =>
      (blockOf(key)?.get(key) ?? []).map((away) => zeros(away.shape, { dtype: away.dtype, device }));
    built.model.blockWeights = new BlockWeights({
      ...{ blocks, device },
      source: { load: one, mapped: one, prefetch: () => {}, release: () => {}, [Symbol.dispose]: () => {} },
    });
  }
  return built;
}

/** A text encoder of a model's widths with so many layers, which share their weights, and a vocabulary of one token. */
export function blankTextEncoder(
  models: ModelSource,
  { numLayers, dtype, device }: { numLayers: number; dtype: DType; device: Device },
): Umt5Encoder {
  const config = { ...models.textEncoderConfig, numLayers, vocabSize: 1 };
  const first = new Map<string, Tensor>();
  const source = zerosOf(umt5Shapes(config), { dtype, device });
  return Umt5Encoder.load({
    ...source,
    load: (key) => {
      const kind = key.replace(/\.block\.\d+\./, ".");
      const equal = first.get(kind)?.alias();
      const param = equal ?? source.load(key);
      if (equal === undefined) first.set(kind, param);
      return param;
    },
  }, config);
}

/** A model's VAE, whole: its two halves are used in turn. */
export function blankVae(models: ModelSource, { device }: { device: Device }): WanVae {
  const config = models.vaeConfig;
  return WanVae.load(zerosOf(vaeShapes(config), { dtype: "float32", device }), config);
}

function zerosOf(
  shapes: ReadonlyMap<string, readonly number[]>,
  like: { dtype: DType; device: Device },
): ParamSource {
  return {
    name: "nothing",
    keys: () => [],
    shapeOf: (key) => shapes.get(key),
    load: (key) => zeros(shapes.get(key) ?? [], like),
  };
}
