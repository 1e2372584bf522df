/** Weight files: safetensors in and out, shards, names of other families, LoRA files. */

export { readTensorBytes, SafetensorsFile, sizeText } from "./safetensors.ts";
export type { LoadOptions } from "./regions.ts";
export type { TensorEntry } from "./header.ts";
export { openWeights } from "./sharded.ts";
export { openPart, PART_TITLES, partOf } from "./open_part.ts";
export type { OpenPart } from "./open_part.ts";
export { overlaidWeights, renamedWeights, tensorWeights } from "./weights.ts";
export type { Weights } from "./weights.ts";
export { decodedWeights, fp8Facts, fp8Text } from "./fp8.ts";
export type { Fp8Facts } from "./fp8.ts";
export { identifyParts, isResidualVae, originalName } from "./identify.ts";
export type { FoundPart, ModelPart, Naming } from "./identify.ts";
export { bytesOf, saveSafetensors, writeSafetensors } from "./write.ts";
export type { NamedTensors, PlannedTensor, SaveOptions } from "./write.ts";
export { planTensors } from "./plan.ts";
export type { PlanOptions, SavedDType } from "./plan.ts";
export { SHARD_BYTES, writeSharded } from "./write_sharded.ts";
export type { ShardOptions } from "./write_sharded.ts";
export { diffusersToKohya, diffusersToOriginal, kohyaToDiffusers, originalToDiffusers, stripPrefix } from "./keys.ts";
export { parseAdapterKey } from "./lora_keys.ts";
export type { AdapterComponent, AdapterKey } from "./lora_keys.ts";
export { AdapterFile, readAdapters } from "./adapter_file.ts";
export type { AdapterModules, AdapterTensors } from "./adapter_file.ts";
export { adapterProblems } from "./adapter_kind.ts";
export { saveAdapters } from "./adapter_write.ts";
export type { AdapterMap, AdapterNaming, SaveAdaptersOptions } from "./adapter_write.ts";
export { readEmbedding, saveEmbedding } from "./embedding_file.ts";
export type { EmbeddingFile, EmbeddingForm } from "./embedding_file.ts";
export {
  CONFIG_HASH_KEY,
  CONFIG_KEY,
  describeLora,
  expertEntry,
  expertInHeader,
  metadataLines,
} from "./lora_metadata.ts";
export type { LoraFacts } from "./lora_metadata.ts";
