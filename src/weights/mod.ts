/** Weight files: safetensors in and out, shards, names of other families, LoRA files. */

export { SafetensorsFile } from "./safetensors.ts";
export type { LoadOptions } from "./safetensors.ts";
export type { TensorEntry } from "./header.ts";
export { openWeights } from "./sharded.ts";
export type { Weights } from "./sharded.ts";
export { saveSafetensors } from "./write.ts";
export type { NamedTensors, SaveOptions } from "./write.ts";
export { diffusersToKohya, diffusersToOriginal, kohyaToDiffusers, originalToDiffusers, stripPrefix } from "./keys.ts";
export { readLoraFile } from "./lora_file.ts";
export type { LoraFile, LoraModule } from "./lora_file.ts";
export type { LoraComponent } from "./lora_keys.ts";
export { saveComfyLora, saveDiffusersLora } from "./lora_write.ts";
export type { LoraModules, SaveLoraOptions } from "./lora_write.ts";
export { describeLora } from "./lora_metadata.ts";
export type { LoraFacts } from "./lora_metadata.ts";
