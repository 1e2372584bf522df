/** Loads a WAN transformer from a folder in diffusers layout. */
import { join } from "node:path";
import { buildModel, type Built, parameterShapes } from "../../nn/mod.ts";
import type { DType } from "../../torch/mod.ts";
import { openWeights, type Weights } from "../../weights/mod.ts";
import { type PlaceOptions, readJson, weightsSource } from "../component.ts";
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

/** Type and place of a transformer's parameters, see `PlaceOptions`. */
export type TransformerPlace = PlaceOptions & { readonly dtype: DType };

/**
 * Loads `config.json` and the weights beside it.
 * @param folder a `transformer` folder in diffusers layout
 * @throws {WeightsError} listing every parameter that is missing, surplus or of another shape
 */
export function loadTransformer(folder: string, options: TransformerPlace): Built<WanTransformer> {
  const path = join(folder, "config.json");
  const config = parseTransformerConfig(readJson(path, "the transformer"), path);
  using weights = openWeights(folder);
  return buildTransformer(weights, { ...options, config, name: folder });
}

/**
 * A transformer from open weights under diffusers' names.
 * @param options.name what to call them in messages
 * @throws {WeightsError} like `loadTransformer`
 */
export function buildTransformer(
  weights: Weights,
  options: TransformerPlace & { config: TransformerConfig; name: string },
): Built<WanTransformer> {
  const { config, name, device, mapped } = options;
  const dtypeOf = (key: string): DType => keepsFloat32(key) ? "float32" : options.dtype;
  return buildModel(weightsSource(weights, { name, dtypeOf, device, mapped }), {
    build: (p) => new WanTransformer(p, config),
    what: "the transformer",
  });
}
