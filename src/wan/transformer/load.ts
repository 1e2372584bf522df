/** Loads a WAN transformer from a folder in diffusers layout. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { WeightsError } from "../../base/errors.ts";
import { buildModel, type Built, type ParamSource } from "../../nn/mod.ts";
import type { Device, DType } from "../../torch/mod.ts";
import { openWeights, type Weights } from "../../weights/mod.ts";
import { parseTransformerConfig } from "./config.ts";
import { WanTransformer } from "./transformer.ts";

/**
 * Parameters that stay in float32 whatever the rest is: rounding them costs visible quality and saves nothing.
 * Source: huggingface/diffusers transformer_wan.py, WanTransformer3DModel._keep_in_fp32_modules
 */
export function keepsFloat32(key: string): boolean {
  return key.endsWith("scale_shift_table") || key.includes("time_embedder") || /(^|\.)norm[23]\./.test(key);
}

/** A source that reads a transformer's weights from open files. */
export function transformerSource(
  weights: Weights,
  options: { name: string; dtype: DType; device: Device },
): ParamSource {
  const { name, dtype, device } = options;
  return {
    name,
    keys: () => weights.keys(),
    shapeOf: (key) => weights.shapeOf(key),
    load: (key) => weights.load(key, { dtype: keepsFloat32(key) ? "float32" : dtype, device }),
  };
}

/**
 * Loads `config.json` and the weights beside it.
 * @param folder a `transformer` folder in diffusers layout
 * @throws {WeightsError} listing every parameter that is missing, surplus or of another shape
 */
export function loadTransformer(folder: string, options: { dtype: DType; device: Device }): Built<WanTransformer> {
  const path = join(folder, "config.json");
  if (!existsSync(path)) {
    throw new WeightsError(`Cannot load a transformer from ${folder}: there is no config.json.`, {
      cure: "Name a model folder in diffusers layout (transformer/, vae/, text_encoder/, tokenizer/).",
    });
  }
  const config = parseTransformerConfig(JSON.parse(readFileSync(path, "utf8")), path);
  using weights = openWeights(folder);
  return buildModel(transformerSource(weights, { name: folder, ...options }), {
    build: (p) => new WanTransformer(p, config),
    what: "the transformer",
  });
}
