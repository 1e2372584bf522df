/** Loads a WAN transformer from a folder in diffusers layout. */
import { join } from "node:path";
import { type BlockSource, BlockWeights, buildModel, type Built, parameterShapes, type Params } from "../../nn/mod.ts";
import { type DType, Tensor } from "../../torch/mod.ts";
import { openWeights, type Weights } from "../../weights/mod.ts";
import { readJson, type TransformerPlaceOptions, weightsSource } from "../component.ts";
import { parseTransformerConfig, type TransformerConfig } from "./config.ts";
import { WanTransformer } from "./transformer.ts";

/**
 * Parameters that stay in float32 whatever the rest is: rounding them costs visible quality and saves nothing.
 * Source: huggingface/diffusers transformer_wan.py, WanTransformer3DModel._keep_in_fp32_modules
 */
export function keepsFloat32(key: string): boolean {
  return key.endsWith("scale_shift_table") || key.includes("time_embedder") || /(^|\.)norm[23]\./.test(key);
}

/** The parameters of a transformer by diffusers' names, with their shapes. */
export function transformerShapes(config: TransformerConfig): ReadonlyMap<string, readonly number[]> {
  return parameterShapes((p) => new WanTransformer(p, config));
}

/** Type and place of a transformer's parameters, see `TransformerPlaceOptions`. */
export type TransformerPlace = TransformerPlaceOptions & { readonly dtype: DType };

/** Open weights under diffusers' names, and what transformer they are of. */
export interface TransformerFile {
  readonly weights: Weights;
  readonly config: TransformerConfig;
  /** What to call the weights in messages. */
  readonly name: string;
}

/**
 * Loads `config.json` and the weights beside it.
 * @param folder a `transformer` folder in diffusers layout
 * @throws {WeightsError} listing every parameter that is missing, surplus or of another shape
 */
export function loadTransformer(folder: string, options: TransformerPlace): Built<WanTransformer> {
  const path = join(folder, "config.json");
  const config = parseTransformerConfig(readJson(path, "the transformer"), path);
  return buildTransformer({ weights: openWeights(folder), config, name: folder }, options);
}

/**
 * A transformer from open weights, which are owned from now on: by the model if its blocks come and go, else they are let go.
 * @throws {WeightsError} like `loadTransformer`
 */
export function buildTransformer(file: TransformerFile, options: TransformerPlace): Built<WanTransformer> {
  const { weights, config, name } = file;
  const { device, mapped, dtype, blocks: place } = options;
  using owned = new DisposableStack();
  owned.use(weights);
  const dtypeOf = (key: string): DType => keepsFloat32(key) ? "float32" : dtype;
  const source = weightsSource(weights, { name, dtypeOf, device, mapped });
  const what = { build: (p: Params): WanTransformer => new WanTransformer(p, config), what: "the transformer" };
  if (place === undefined) return buildModel(source, what);

  const blocks = Array.from({ length: config.numLayers }, () => new Map<string, Tensor>());
  const load = (key: string): Tensor => {
    const block = blocks[blockOf(key) ?? -1];
    if (block === undefined) return source.load(key);
    const param = Tensor.away({ shape: weights.shapeOf(key), dtype: dtypeOf(key), device: device ?? "cpu" });
    block.set(key, param);
    return param;
  };
  const { model, params } = buildModel({ ...source, load }, what);
  for (const param of params.values()) owned.use(param);
  owned.use(model);
  const comeAndGo = new BlockWeights({
    blocks,
    device: device ?? "cpu",
    source: blockSource(weights, { name, dtypeOf }),
  });
  model.blockWeights = comeAndGo;
  blocks.forEach((_, i) => comeAndGo.move(i, place));
  owned.move(); // nothing failed: all of it is the caller's
  return { model, params };
}

/** The block that a parameter belongs to, by its name. */
function blockOf(key: string): number | undefined {
  const index = /^blocks\.(\d+)\./.exec(key)?.[1];
  return index === undefined ? undefined : Number(index);
}

function blockSource(weights: Weights, options: { name: string; dtypeOf: (key: string) => DType }): BlockSource {
  const onHost = weightsSource(weights, { ...options, mapped: true });
  return {
    load: (key, device) => weights.load(key, { dtype: options.dtypeOf(key), device }),
    mapped: (key) => onHost.load(key),
    prefetch: (keys) => {
      for (const key of keys) weights.prefetch(key);
    },
    release: () => weights[Symbol.dispose](), // lets go of the mapping alone
    [Symbol.dispose]: () => weights[Symbol.dispose](),
  };
}
