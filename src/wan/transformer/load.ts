/** Loads a WAN transformer from a folder in diffusers layout. */
import { join } from "node:path";
import { BlockWeights, buildModel, type Built, parameterShapes, type Params } from "../../nn/mod.ts";
import type { DType } from "../../torch/mod.ts";
import { decodedWeights, openWeights, type Weights } from "../../weights/mod.ts";
import { readJson, type TransformerPlaceOptions, weightsSource } from "../component.ts";
import { AwayParams, ParamReader } from "./param_reader.ts";
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
  return buildTransformer({ weights: decodedWeights(openWeights(folder)), config, name: folder }, options);
}

/**
 * A transformer from open weights, which are owned from now on: by the model if its blocks come and go, else they are let go.
 * @throws {WeightsError} like `loadTransformer`
 */
export function buildTransformer(file: TransformerFile, options: TransformerPlace): Built<WanTransformer> {
  const { config, name } = file;
  const weights = options.view?.(file.weights) ?? file.weights;
  const { device = "cpu", mapped, dtype, blocks: place, quantization } = options;
  using owned = new DisposableStack();
  owned.use(weights);
  const dtypeOf = (key: string): DType => keepsFloat32(key) ? "float32" : dtype;
  const plain = weightsSource(weights, { name, dtypeOf, device, mapped });
  const reader = new ParamReader(weights, { name, dtypeOf, quantization });
  const build = { build: (p: Params): WanTransformer => new WanTransformer(p, config), what: "the transformer" };
  if (place === undefined) {
    return buildModel({ ...plain, loadQuantized: (key) => reader.quantized(key, { device }) }, build);
  }
  const away = new AwayParams(weights, { reader, device, numBlocks: config.numLayers });
  const { model, params } = buildModel({
    ...plain,
    load: (key) => away.param(key) ?? plain.load(key),
    loadQuantized: (key) => away.quantized(key),
  }, build);
  for (const param of params.values()) owned.use(param);
  owned.use(model);
  const blockWeights = model.blockWeights = new BlockWeights({ blocks: away.blocks, device, source: reader });
  away.blocks.forEach((_, i) => blockWeights.move(i, place));
  owned.move(); // nothing failed: all of it is the caller's
  return { model, params };
}
