/** Loads a UMT5 encoder from a folder in the layout of transformers. */
import { join } from "node:path";
import type { DType } from "../torch/mod.ts";
import { openWeights, type Weights } from "../weights/mod.ts";
import { type PlaceOptions, readJson, weightsSource } from "./component.ts";
import { Umt5Encoder } from "./umt5.ts";
import { parseUmt5Config, type Umt5Config } from "./umt5_config.ts";

/**
 * Loads `config.json` and the weights beside it.
 * @param folder a `text_encoder` folder of a model in diffusers layout
 * @param options the stored type unless said otherwise, but never float16: the encoder's activations overflow it
 * @throws {WeightsError} naming what is missing, or listing every parameter that does not fit
 */
export function loadUmt5(folder: string, options: PlaceOptions = {}): Umt5Encoder {
  const path = join(folder, "config.json");
  const config = parseUmt5Config(readJson(path, "the text encoder"), path);
  using weights = openWeights(folder);
  return buildUmt5(weights, { ...options, config, name: folder });
}

/**
 * An encoder from open weights under the names of transformers.
 * @param options.name what to call them in messages
 * @throws {WeightsError} like `loadUmt5`
 */
export function buildUmt5(
  weights: Weights,
  options: PlaceOptions & { config: Umt5Config; name: string },
): Umt5Encoder {
  const { config, name, device, mapped, dtype = umt5Dtype(weights) } = options;
  return Umt5Encoder.load(weightsSource(weights, { name, dtypeOf: () => dtype, device, mapped }), config);
}

/** The type that an encoder is loaded in unless said otherwise: that of its weights, but never float16. */
export function umt5Dtype(weights: Weights): DType {
  return weights.keys().map((key) => weights.dtypeOf(key)).find((dtype) => dtype !== "float16") ?? "float32";
}
