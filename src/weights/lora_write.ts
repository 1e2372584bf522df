/** Writes LoRA files in the two forms that together every program reads: diffusers' and ComfyUI's. */

import { WeightsError } from "../base/mod.ts";
import type { DType, Tensor } from "../torch/mod.ts";
import { diffusersToOriginal } from "./keys.ts";
import { ADAPTER_METADATA, adapterMetadata } from "./lora_config.ts";
import type { LoraModule } from "./lora_file.ts";
import type { LoraComponent } from "./lora_keys.ts";
import { saveSafetensors } from "./write.ts";

/** Adapters by diffusers module path. */
export type LoraModules = ReadonlyMap<string, LoraModule>;

/** How a LoRA is written. */
export interface SaveLoraOptions {
  /** What the tensors become; absent: each keeps its type. */
  readonly dtype?: DType | undefined;
  /** More entries for the header, see `describeLora`. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/**
 * Writes a LoRA as `WanPipeline.save_lora_weights` does: `transformer.` before diffusers' names, `lora_A` and `lora_B`;
 * rank and alpha in the header only.
 * @param options `component`: the model it belongs to; `targetModules`: how peft finds the modules, by default their
 * full paths, which is right in every case
 * @throws {DiskError} if the disk refuses
 */
export function saveDiffusersLora(
  path: string,
  modules: LoraModules,
  options: SaveLoraOptions & { component?: LoraComponent; targetModules?: readonly string[] } = {},
): void {
  const { component = "transformer", targetModules = [...modules.keys()], metadata, dtype } = options;
  const tensors = new Map<string, Tensor>();
  for (const [module, { down, up }] of modules) {
    tensors.set(`${component}.${module}.lora_A.weight`, down);
    tensors.set(`${component}.${module}.lora_B.weight`, up);
  }
  const numbers = new Map(
    [...modules].map(([module, { down, alpha }]) => [module, { rank: down.size(0), alpha }]),
  );
  saveSafetensors(path, tensors, {
    dtype,
    metadata: { format: "pt", ...metadata, [ADAPTER_METADATA]: adapterMetadata(numbers, { component, targetModules }) },
  });
}

/**
 * Writes a LoRA under the official names with `diffusion_model.` before them, alpha / r multiplied into `lora_B` and no
 * alpha: the form that ComfyUI, diffusers and readers of peft's names all scale alike.
 * @throws {WeightsError} for a module that the official model does not have
 * @throws {DiskError} if the disk refuses
 */
export function saveComfyLora(path: string, modules: LoraModules, options: SaveLoraOptions = {}): void {
  const tensors = new Map<string, Tensor>();
  using scaled = new DisposableStack();
  for (const [module, { down, up, alpha }] of modules) {
    const original = diffusersToOriginal(module);
    if (original === undefined) throw new WeightsError(`Cannot save the LoRA of ${module}: it has no official name`);
    tensors.set(`diffusion_model.${original}.lora_A.weight`, down);
    tensors.set(`diffusion_model.${original}.lora_B.weight`, scaled.use(timesFactor(up, alpha / down.size(0))));
  }
  saveSafetensors(path, tensors, options);
}

/** `up · factor`, computed in float32 at least. */
function timesFactor(up: Tensor, factor: number): Tensor {
  using plain = up.detach();
  using wide = plain.dtype === "float64" ? plain.clone() : plain.float();
  using product = wide.mul(factor);
  return product.to({ dtype: up.dtype });
}
