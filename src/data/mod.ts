/** From folders of clips to batches of latents and embeddings. */

export { BatchOrder, type Orderable, type OrderedBatch, type OrderedEntry } from "./batches.ts";
export {
  type BucketOptions,
  type Buckets,
  type FitLimits,
  listBuckets,
  nearestBucket,
  smallBucketNotes,
} from "./bucket.ts";
export { type CountTokens } from "./caption_length.ts";
export { type CacheKey, type CacheKind, dataCacheDir, TensorCache } from "./cache.ts";
export {
  type Amount,
  type CacheStats,
  cacheStats,
  type DamagedEntry,
  pruneCache,
  type PruneOptions,
  type PruneResult,
  verifyCache,
} from "./cache_care.ts";
export { type Batch, type BatchOptions, Dataset } from "./dataset.ts";
export { type Encoders } from "./encode.ts";
export { type FrameSource, frameSource } from "./frame_source.ts";
export { FileFacts, type FileState, fileState } from "./file_facts.ts";
export { type Plan, type PlanSettings } from "./item.ts";
export {
  type DataGeometry,
  type DataPlan,
  planDataset,
  type PlannedFile,
  type PlannedWindow,
  type PlanOptions,
} from "./plan.ts";
export { type DatasetItem, ItemTable } from "./item_table.ts";
export { prepareDataset, type PrepareOptions } from "./prepare.ts";
export { type RejectCode, type RejectedFile } from "./codes.ts";
export {
  dataEvent,
  type DataReport,
  dataReport,
  type ReportedBucket,
  type ReportedFile,
  type ReportedWindow,
} from "./report.ts";
export { type FoundFile, type ScanResult, scanSources } from "./scan.ts";
export { type Source, sourcesOf } from "./source.ts";
export { type Augmentation, type ColorChange } from "./augment.ts";
export { coveredSeconds, MIN_CLIP_FRAMES, type PlannedItem, type Window, windowSeconds } from "./window.ts";
