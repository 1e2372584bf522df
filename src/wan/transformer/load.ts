/** Loads a WAN transformer from a folder in diffusers layout. */
import { join } from "node:path";
import { buildModel, type Built, parameterShapes } from "../../nn/mod.ts";
import type { Device, DType } from "../../torch/mod.ts";
import { openWeights } from "../../weights/mod.ts";
import { readJson, weightsSource } from "../component.ts";
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

/**
 * Loads `config.json` and the weights beside it.
 * @param folder a `transformer` folder in diffusers layout
 * @throws {WeightsError} listing every parameter that is missing, surplus or of another shape
 */
export function loadTransformer(folder: string, options: { dtype: DType; device: Device }): Built<WanTransformer> {
  const path = join(folder, "config.json");
  const config = parseTransformerConfig(readJson(path, "the transformer"), path);
  using weights = openWeights(folder);
  const dtypeOf = (key: string): DType => keepsFloat32(key) ? "float32" : options.dtype;
  return buildModel(weightsSource(weights, { name: folder, dtypeOf, device: options.device }), {
    build: (p) => new WanTransformer(p, config),
    what: "the transformer",
  });
}
