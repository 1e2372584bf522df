/** Loads a WAN VAE from a folder in diffusers layout. */
import { join } from "node:path";
import { openWeights } from "../../weights/mod.ts";
import { type PlaceOptions, readJson, weightsSource } from "../component.ts";
import { parseVaeConfig } from "./config.ts";
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
  const { dtype = "float32", device } = options;
  return WanVae.load(weightsSource(weights, { name: folder, dtypeOf: () => dtype, device }), config);
}
