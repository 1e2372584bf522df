/** The parts of a model as single files under official names. */
import { join } from "node:path";
import { makeFolder } from "../../base/mod.ts";
import { type ModelComponent, type ModelSource, type SaveFileOptions, saveSingleFile } from "../../wan/mod.ts";

/** How parts are saved. */
export type SavePartsOptions = Pick<SaveFileOptions, "dtype" | "tokenizer" | "metadata" | "onProgress">;

/**
 * Writes each part of a model to a file of its own: the tokenizer goes with the text encoder, and a VAE stays in bfloat16 where
 * the rest becomes fp8, which it cannot bear.
 * @param folder is made
 * @throws {WeightsError} {DiskError} like `saveSingleFile`
 */
export function saveParts(model: ModelSource, folder: string, options: SavePartsOptions): void {
  makeFolder(folder);
  for (const component of model.components) {
    using weights = model.openWeights(component);
    const dtype = options.dtype === "fp8_scaled" && component === "vae" ? "bfloat16" : options.dtype;
    const path = join(folder, fileName(model, component));
    const tokenizer = component === "text_encoder" ? options.tokenizer : undefined;
    saveSingleFile(weights, path, { ...options, dtype, tokenizer, component, config: model.configJson(component) });
  }
}

/** Names as ComfyUI's users know them. */
function fileName({ variant, boundary }: ModelSource, component: ModelComponent): string {
  const name = variant.name.replaceAll("-", "_");
  switch (component) {
    case "transformer":
      return boundary === null ? `${name}.safetensors` : `${name}_high_noise.safetensors`;
    case "transformer_2":
      return `${name}_low_noise.safetensors`;
    case "vae":
      return variant.vae.latentChannels === 48 ? "wan2.2_vae.safetensors" : "wan2.1_vae.safetensors";
    case "text_encoder":
      return "umt5_xxl.safetensors";
  }
}
