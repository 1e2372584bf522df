/** From the config to a dataset: what is not in the cache is decoded and encoded, once. */

import { DataError } from "../base/mod.ts";
import type { DataConfig } from "../config/mod.ts";
import type { Emit } from "../events/mod.ts";
import { quoteName } from "../media/mod.ts";
import { type CacheKey, cacheKey, dataCacheDir, TensorCache, type WindowKind } from "./cache.ts";
import { CacheLimit } from "./cache_limit.ts";
import { smallBucketNotes } from "./bucket.ts";
import { Dataset, type DatasetItem } from "./dataset.ts";
import { type Duplicate } from "./duplicates.ts";
import type { Encoders } from "./encode.ts";
import { fillTexts, fillWindows } from "./fill.ts";
import { nameSome, Notes } from "./notes.ts";
import {
  type DataGeometry,
  planDataset,
  type PlannedFile,
  type PlannedWindow,
  type PlanOptions,
  Rejections,
} from "./plan.ts";
import type { RejectedFile } from "./codes.ts";
import { dataEvent, type DataReport, dataReport } from "./report.ts";
import { Stage } from "./stage.ts";
import { CacheUse } from "./uses.ts";
import type { Window } from "./window.ts";

/** What {@linkcode prepareDataset} needs besides the config. */
export interface PrepareOptions extends Encoders {
  readonly geometry: DataGeometry;
  /** As in {@linkcode PlanOptions}. */
  readonly countTokens?: PlanOptions["countTokens"];
  /** Clips in a batch, so that buckets with fewer can be told. */
  readonly batchSize?: number | undefined;
  /** Texts that are encoded besides the captions, such as the prompts of samples. */
  readonly prompts?: readonly string[] | undefined;
  /** Default: `data.cache.dir`, where "auto" is the user's cache folder. */
  readonly cacheDir?: string | undefined;
  readonly emit?: Emit | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Hears what became of every file, once that is certain. */
  readonly onReport?: ((report: DataReport) => void) | undefined;
}

/** Changes whenever frames are chosen, turned, scaled or cut by another rule, so that old latents are not taken. */
const FRAME_RULE = 2;
/** Used files that are told one by one; where there are more, only their number is. Chosen. */
const MOST_TOLD = 1000;
/** Duplicates that are named in a warning. */
const MOST_DUPLICATES = 3;

/** A file with all its windows: each variant of each of its items. */
interface FileWindows {
  readonly planned: PlannedFile;
  readonly windows: readonly PlannedWindow[];
}

/**
 * Scans, probes, decodes and encodes what the config names; what is in the cache is taken from there. All captions are
 * encoded before the first clip, so the text encoder may be let go at the first call of `encodeVideo`.
 * @returns holds its entries in the cache, so that nobody evicts them, until it is disposed of
 * @throws {DataError} if no file can be used, or at the first bad file where `onBadFile` is "stop"
 * @throws {DiskError} if the cache cannot be written; {SetupError} if ffmpeg is missing; {ConfigError} as planDataset
 */
export async function prepareDataset(config: DataConfig, options: PrepareOptions): Promise<Dataset> {
  const { emit, signal } = options;
  const plan = await planDataset(config, options);
  const cache = new TensorCache(options.cacheDir ?? dataCacheDir(config));
  const rejections = new Rejections(config.onBadFile, emit);
  const notes = new Notes();
  const files = plan.used.map((planned) => ({ planned, windows: windowsOf(planned, options) }));
  const textKeys = textKeysOf(plan.used, { config, options });
  using owned = new DisposableStack();
  const use = owned.use(await CacheUse.begin(cache.folder, allKeys(files, textKeys))); // before the look at what is there
  const missing = missingFrom(cache, { files, textKeys });
  const limit = new CacheLimit(cache.folder, config.cache);
  const total = missing.texts.size + missing.windows.length;
  const stage = new Stage("encoding", { total, emit });
  const strides = options.geometry;
  const filling = { cache, limit, encoders: options, strides, rejections, stage, signal };
  await fillTexts(missing.texts, filling);
  const failed = await fillWindows(missing.windows, filling);
  await limit.end(emit);
  const used = withoutFailed(files, { failed, rejections });
  for (const { planned } of used) notes.add(planned.file.path, [...planned.file.notes, ...planned.plan.notes]);
  if (used.length <= MOST_TOLD) { for (const { planned } of used) tellUsed(planned, emit); }
  notes.add("", [...duplicateNotes(plan.duplicates), ...changedSpeeds(used), ...fillNotes(used, options.batchSize)]);
  notes.tell(emit);
  const rejected = [...plan.rejected, ...rejections.list];
  const report = dataReport({ ...plan, used: used.map(({ planned }) => planned), rejected });
  emit?.(dataEvent(report));
  options.onReport?.(report);
  if (used.length === 0) throw nothingUsable(config, rejected);
  owned.move();
  return new Dataset(used.flatMap(itemsOf), { rejected, cache, textKeys, use });
}

/** All entries of a file. What each depends on is in its key. */
function windowsOf(planned: PlannedFile, options: PrepareOptions): PlannedWindow[] {
  const { content, image, mask } = planned;
  const { spatialStride, temporalStride } = options.geometry;
  const encoder = options.fingerprints.video;
  const entry = (kind: WindowKind, window: Window, parts: Readonly<Record<string, unknown>>): PlannedWindow => {
    return { planned, window, kind, key: cacheKey(kind, { ...parts, window, rule: FRAME_RULE }) };
  };
  return planned.plan.items.flatMap(({ variants }) => variants).flatMap((window) => [
    entry("latents", window, { content, encoder }),
    ...(options.encodeCondition === undefined
      ? []
      : [entry("condition", window, { content, image: image?.content, encoder })]),
    ...(mask === undefined ? [] : [entry("mask", window, { content: mask.content, spatialStride, temporalStride })]),
  ]);
}

/** The keys of all texts that may be asked for. */
function textKeysOf(
  used: readonly PlannedFile[],
  { config, options }: { config: DataConfig; options: PrepareOptions },
): Map<string, CacheKey> {
  const texts = new Set(used.flatMap(({ file }) => file.captions));
  for (const prompt of options.prompts ?? []) texts.add(prompt);
  if (config.captionDropout > 0 && used.length > 0) texts.add("");
  const encoder = options.fingerprints.text;
  return new Map([...texts].map((caption) => [caption, cacheKey("text", { caption, encoder })]));
}

function* allKeys(files: readonly FileWindows[], textKeys: ReadonlyMap<string, CacheKey>): Generator<CacheKey> {
  yield* textKeys.values();
  for (const { windows } of files) for (const { key } of windows) yield key;
}

/** What is not in the cache, each key once. */
function missingFrom(
  cache: TensorCache,
  { files, textKeys }: { files: readonly FileWindows[]; textKeys: ReadonlyMap<string, CacheKey> },
): { texts: Map<string, CacheKey>; windows: PlannedWindow[] } {
  const texts = cache.keys("text");
  const there = {
    latents: cache.keys("latents"),
    condition: cache.keys("condition"),
    mask: cache.keys("mask"),
  } satisfies Record<WindowKind, unknown>;
  const windows = new Map<CacheKey, PlannedWindow>();
  for (const window of files.flatMap((file) => file.windows)) {
    const { kind, key } = window;
    if (!there[kind].has(key) && !windows.has(key)) windows.set(key, window);
  }
  return { texts: new Map([...textKeys].filter(([, key]) => !texts.has(key))), windows: [...windows.values()] };
}

/** The files all of whose windows are there; the others, those of the same content included, are rejected. */
function withoutFailed(
  files: readonly FileWindows[],
  { failed, rejections }: { failed: ReadonlyMap<CacheKey, RejectedFile>; rejections: Rejections },
): readonly FileWindows[] {
  if (failed.size === 0) return files;
  const told = new Set(rejections.list.map(({ path }) => path));
  return files.filter(({ planned: { file: { path } }, windows }) => {
    const reason = windows.map(({ key }) => failed.get(key)).find((rejected) => rejected !== undefined);
    if (reason !== undefined && !told.has(path)) rejections.add({ ...reason, path });
    return reason === undefined;
  });
}

function itemsOf({ planned, windows }: FileWindows): DatasetItem[] {
  const { file: { path, captions, repeats, weight }, plan } = planned;
  const keysOf = (wanted: WindowKind): CacheKey[] => windows.flatMap(({ kind, key }) => kind === wanted ? [key] : []);
  const keys = { latents: keysOf("latents"), condition: keysOf("condition"), mask: keysOf("mask") };
  let at = 0;
  return plan.items.flatMap(({ bucket, variants }) => {
    const own = (list: readonly CacheKey[]): readonly CacheKey[] => list.slice(at, at + variants.length);
    const [latentsKeys, conditionKeys, maskKeys] = [own(keys.latents), own(keys.condition), own(keys.mask)];
    at += variants.length;
    const [first] = variants;
    if (first === undefined) return [];
    const { frames, fps, speed, crop: { width, height } } = first;
    const { content } = planned;
    const item = { path, content, captions, frames, fps, speed, width, height, repeats, weight, bucket, latentsKeys };
    if (conditionKeys.length + maskKeys.length === 0) return [item];
    return [{
      ...item,
      ...(conditionKeys.length === 0 ? {} : { conditionKeys }),
      ...(maskKeys.length === 0 ? {} : { maskKeys }),
    }];
  });
}

function tellUsed({ file, plan }: PlannedFile, emit: Emit | undefined): void {
  const first = plan.items[0]?.variants[0];
  if (first === undefined) return;
  const { frames, fps, speed, crop: { left: x, top: y, width, height, scaledWidth, scaledHeight } } = first;
  const cut = width !== scaledWidth || height !== scaledHeight ? { crop: { x, y, width, height } } : {};
  const windows = plan.items.length;
  const changed = speed === 1 ? {} : { speed };
  emit?.({ type: "file", path: file.path, status: "used", windows, frames, fps, ...changed, width, height, ...cut });
}

/** By how much `uniform` changes the speed of motion. */
function changedSpeeds(used: readonly FileWindows[]): string[] {
  const speeds = used.flatMap(({ windows }) => windows.map(({ window }) => window.speed));
  const [least, most] = speeds.reduce(([low, high], speed) => [Math.min(low, speed), Math.max(high, speed)], [1, 1]);
  if (least > 0.99 && most < 1.01) return [];
  return [
    `motion is shown at ${least.toFixed(2)} to ${
      most.toFixed(2)
    } times its real speed (data.frames.strategy is uniform)`,
  ];
}

/** One remark for the files that show the same as another one. */
function duplicateNotes(duplicates: readonly Duplicate<PlannedFile>[]): string[] {
  const told = duplicates.map(({ file, kept, same }) => {
    const what = same === "content" ? "the content of" : "the picture of";
    return `${quoteName(file.file.path)} has ${what} ${quoteName(kept.file.path)}`;
  });
  if (told.length === 0) return [];
  const more = told.length > MOST_DUPLICATES ? ` and ${told.length - MOST_DUPLICATES} more` : "";
  return [`${told.length} files show the same as others: ${told.slice(0, MOST_DUPLICATES).join(", ")}${more}`];
}

/** What to say about small buckets, where the size of a batch is known. */
function fillNotes(used: readonly FileWindows[], batchSize: number | undefined): string[] {
  if (batchSize === undefined) return [];
  const items = used.flatMap(({ planned: { file, plan } }) =>
    plan.items.map(({ bucket }) => ({ bucket, repeats: file.repeats }))
  );
  return smallBucketNotes(items, batchSize);
}

function nothingUsable(config: DataConfig, rejected: readonly RejectedFile[]): DataError {
  const first = rejected[0];
  const why = first === undefined
    ? "there is no clip or picture in the sources"
    : `${rejected.length} files were rejected, the first: ${quoteName(first.path)}: ${first.reason}`;
  const sources = nameSome(config.sources.map(({ path }) => path));
  return new DataError(`Cannot train on ${sources}: ${why}`, {
    cure: first?.cure ??
      "put clips and captions (text files of the same name) into the folder, or correct data.sources",
  });
}
