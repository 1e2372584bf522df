/** Loads a WAN VAE from a folder in diffusers layout. */
import { join } from "node:path";
import { openWeights, type Weights } from "../../weights/mod.ts";
import { type PlaceOptions, readJson, weightsSource } from "../component.ts";
import { parseVaeConfig, type VaeConfig } from "./config.ts";
import { WanVae } from "./vae.ts";

/**
 * Loads `config.json` and the weights beside it.
 * @param folder a `vae` folder in diffusers layout
 * @param options float32 unless said otherwise, whatever the file holds: half precision shows in decoded pictures
 * @throws {WeightsError} naming what is missing, or listing every parameter that does not fit
 */
export function loadVae(folder: string, options: PlaceOptions = {}): WanVae {
  const path = join(folder, "config.json");
  const config = parseVaeConfig(readJson(path, "the VAE"), path);
  using weights = openWeights(folder);
  return buildVae(weights, { ...options, config, name: folder });
}

/**
 * A VAE from open weights under diffusers' names.
 * @param options.name what to call them in messages
 * @throws {WeightsError} like `loadVae`
 */
export function buildVae(weights: Weights, options: PlaceOptions & { config: VaeConfig; name: string }): WanVae {
  const { dtype = "float32", config, ...place } = options;
  return WanVae.load(weightsSource(weights, { ...place, dtypeOf: () => dtype }), config);
}
