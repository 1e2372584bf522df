/** Loads a UMT5 encoder from a folder in the layout of transformers. */
import { join } from "node:path";
import { openWeights } from "../weights/mod.ts";
import { type PlaceOptions, readJson, weightsSource } from "./component.ts";
import { Umt5Encoder } from "./umt5.ts";
import { parseUmt5Config } from "./umt5_config.ts";

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
  const stored = weights.keys().map((key) => weights.dtypeOf(key)).find((dtype) => dtype !== "float16");
  const dtype = options.dtype ?? stored ?? "float32";
  return Umt5Encoder.load(
    weightsSource(weights, { name: folder, dtypeOf: () => dtype, device: options.device }),
    config,
  );
}
