/** WAN: the model's parts, how they are loaded, and how videos are made. Nothing here knows about training. */
export { applyAdapters, type ApplyAdaptersOptions, weightsWithDifferences } from "./apply_adapters.ts";
export type { PlaceOptions } from "./component.ts";
export type { DetectedAdapter } from "./detect/adapter.ts";
export { type DetectedFile, detectFile, type FileKind } from "./detect/detect_file.ts";
export { describeSource, type SourcePart } from "./detect/source.ts";
export type { DetectedPart } from "./detect/part.ts";
export { type DenoiseOptions, Denoising, firstFrameMask, type VelocityModel } from "./denoise.ts";
export { expertAt, type NoiseExpert } from "./boundary.ts";
export {
  ExpertSwitch,
  type ExpertSwitchOptions,
  openTransformer,
  openTransformers,
  type OpenTransformersOptions,
  type OwnedModel,
} from "./experts.ts";
export { type FreshOptions, type ModelPartName, partsOf, writeFreshModel } from "./fresh/write.ts";
export { type ForwardFlops, forwardFlops, type TrainedSize, trainingFlops } from "./flops.ts";
export { addNoise, NUM_TRAIN_TIMESTEPS, shiftSigma, trainingSigmas, unshiftSigma, velocityTarget } from "./flow.ts";
export { latentSize, type Strides, type VideoSize } from "./geometry.ts";
export { type ModelInventory, type PartInventory, takeInventory } from "./inventory.ts";
export { ESTIMATE_RANK, estimateMemory, type MemoryEstimate } from "./memory.ts";
export { encodeImageCondition, greyVideo, type KnownFrames, knownFramesMask } from "./image_condition.ts";
export { checkToken, type LearnedToken, type LearnedTokenizer, learnTokens, tokensIn } from "./learned_tokens.ts";
export { type MergedAdapters, mergedWeights } from "./merge.ts";
export { type ModelComponent, type ModelFiles } from "./model_files.ts";
export { type Expert, ModelSource, openModel } from "./model_source.ts";
export { CONFIG_METADATA } from "./part_config.ts";
export {
  decodeFrames,
  encodeFirstFrame,
  generate,
  type Generated,
  generateLatents,
  type GenerateOptions,
  type GenerateParts,
  initialLatents,
} from "./pipeline.ts";
export { fitPicture, type PictureModel, type Sides, sizeForPicture } from "./picture.ts";
export { cleanPrompt } from "./prompt_clean.ts";
export { type ResizeFilter, resizePicture } from "./resize.ts";
export {
  describeModel,
  type ModelFacts,
  type SaveFileOptions,
  saveModel,
  type SaveModelOptions,
  type SaveProgress,
  saveSingleFile,
} from "./save_model.ts";
export * from "./solvers/mod.ts";
export {
  bellWeight,
  densityCdf,
  densityQuantile,
  lossWeight,
  type LossWeighting,
  type TimestepDensity,
  timestepFrom,
} from "./timestep_density.ts";
export { Tokenizer } from "./tokenizer.ts";
export { spieceBytes } from "./tokenizer_file.ts";
export * from "./transformer/mod.ts";
export { type ExtraEmbeddings, Umt5Encoder } from "./umt5.ts";
export { loadUmt5 } from "./umt5_load.ts";
export { encodePrompt, padPrompt, TEXT_LENGTH } from "./umt5_prompt.ts";
export {
  type FrameSource,
  loadVae,
  type Posterior,
  type TileSizes,
  type Tiling,
  vaeShapes,
  WanVae,
  type WorkOptions,
} from "./vae/mod.ts";
export { type ImageInput, type InferenceDefaults, type Variant, VARIANTS } from "./variant.ts";
export { type ModelSizes, publishedSizes, tinySizes } from "./published.ts";
export { umt5Shapes } from "./umt5.ts";
