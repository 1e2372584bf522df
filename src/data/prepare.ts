/**
 * From the config to a dataset: what is not in the cache is decoded and encoded, once. Where an earlier start has kept its
 * plan and nothing has changed since, that is taken.
 */

import { DiskError, stableHash, VERSION } from "../base/mod.ts";
import type { DataConfig } from "../config/mod.ts";
import type { Emit, EventBody } from "../events/mod.ts";
import { findPrograms } from "../media/mod.ts";
import { CACHE_KINDS, type CacheKey, dataCacheDir, TensorCache } from "./cache.ts";
import { CacheLimit } from "./cache_limit.ts";
import type { RejectedFile } from "./codes.ts";
import { Dataset } from "./dataset.ts";
import type { Encoders } from "./encode.ts";
import {
  type FileWindows,
  FRAME_RULE,
  itemsOf,
  keyColumnsOf,
  missingWindows,
  textKeysOf,
  windowsOf,
  withoutFailed,
} from "./file_windows.ts";
import { fillTexts, fillWindows } from "./fill.ts";
import { joinColumns, type KeyColumns, packKeys } from "./key_columns.ts";
import { type DataGeometry, planDataset, type PlanOptions, Rejections } from "./plan.ts";
import { missingEntries } from "./presence.ts";
import { nothingUsable, tellFiles } from "./remarks.ts";
import { dataEvent, dataReport } from "./report.ts";
import { Stage } from "./stage.ts";
import { StoredPlan } from "./stored_plan.ts";
import { TextKeys } from "./text_keys.ts";
import { CacheUse } from "./uses.ts";

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
  /** Looks at the files that will be used, before anything is encoded; may throw. */
  readonly onPlan?: ((used: readonly { readonly path: string; readonly content: string }[]) => void) | undefined;
  readonly emit?: Emit | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Gets what became of every file, once that is certain: a `DataReport` as JSON. */
  readonly onReport?: ((json: Uint8Array) => void) | undefined;
}

/** Changes whenever the same files, settings and programs lead to another plan, so that old plans are not taken. */
const PLAN_RULE = 1;

/**
 * Scans, probes, decodes and encodes what the config names; what is in the cache is taken from there. All captions are
 * encoded before the first clip, so the text encoder may be let go at the first call of `encodeVideo`.
 * @returns holds its entries in the cache, so that nobody evicts them, until it is disposed of
 * @throws {DataError} if no file can be used, or at the first bad file where `onBadFile` is "stop"
 * @throws {DiskError} if the cache cannot be written; {SetupError} if ffmpeg is missing; {ConfigError} as planDataset
 */
export async function prepareDataset(config: DataConfig, options: PrepareOptions): Promise<Dataset> {
  const cache = new TensorCache(options.cacheDir ?? dataCacheDir(config));
  const stored = new StoredPlan(cache.folder, await identityOf(config, options));
  return await takeStored(stored, { cache, options }) ?? await planAnew(config, { stored, cache, options });
}

/** Stands for all that decides over the data but its files. */
async function identityOf(config: DataConfig, options: PrepareOptions): Promise<string> {
  const { geometry, fingerprints, batchSize, prompts, encodeCondition, countTokens } = options;
  const { version } = await findPrograms();
  return stableHash({
    ...{ rules: [PLAN_RULE, FRAME_RULE], programs: [VERSION, version], user: Deno.uid() },
    ...{ config, geometry, fingerprints, batchSize, prompts },
    ...{ hasConditions: encodeCondition !== undefined, countsTokens: countTokens !== undefined },
  });
}

/** The dataset of a stored plan. @returns undefined if there is none that holds, or an entry of it is missing */
async function takeStored(
  stored: StoredPlan,
  { cache, options }: { cache: TensorCache; options: PrepareOptions },
): Promise<Dataset | undefined> {
  const { fingerprints, emit, onReport } = options;
  const outcome = await stored.read();
  if (outcome === undefined) return undefined;
  const { items, texts, rejected, events } = outcome;
  const { latents, condition, mask } = items.columns;
  const columns = { latents, condition, mask, text: texts };
  using owned = new DisposableStack();
  const use = owned.use(await CacheUse.begin(cache.folder, joinColumns(columns))); // before the look at what is there
  const missing = missingEntries(cache, { columns, seenPath: use.seenPath });
  if (CACHE_KINDS.some((kind) => missing[kind].size > 0)) return undefined;
  const report = onReport && outcome.report();
  if (onReport !== undefined && report === undefined) return undefined;
  for (const event of events) emit?.(event);
  if (report !== undefined) onReport?.(report);
  owned.move();
  return new Dataset(items, { rejected, cache, texts: new TextKeys(texts, fingerprints.text), use });
}

async function planAnew(
  config: DataConfig,
  { stored, cache, options }: { stored: StoredPlan; cache: TensorCache; options: PrepareOptions },
): Promise<Dataset> {
  const { batchSize, fingerprints, onReport } = options;
  const startedAt = Date.now();
  const events: EventBody[] = [];
  const emit: Emit = (event) => {
    if (event.type !== "stage") events.push(event);
    options.emit?.(event);
  };
  const plan = await planDataset(config, { ...options, emit });
  options.onPlan?.(plan.used.map(({ file: { path }, content }) => ({ path, content })));
  const rejections = new Rejections(config.onBadFile, emit);
  const files = plan.used.map((planned) => windowsOf(planned, options));
  const textKeys = textKeysOf(plan.used, { config, options });
  const texts = packKeys([...textKeys.values()].sort());
  const columns = keyColumnsOf(files, texts);
  using owned = new DisposableStack();
  const use = owned.use(await CacheUse.begin(cache.folder, joinColumns(columns))); // before the look at what is there
  const failed = await fill({ cache, files, textKeys, columns, seenPath: use.seenPath }, {
    config,
    options,
    rejections,
  });
  const used = withoutFailed(files, { failed, rejections });
  tellFiles(used, { duplicates: plan.duplicates, batchSize, emit });
  const rejected = [...plan.rejected, ...rejections.list];
  const report = dataReport({ ...plan, used: used.map(({ planned }) => planned), rejected });
  emit(dataEvent(report));
  const json = once(() => new TextEncoder().encode(`${JSON.stringify(report)}\n`));
  if (onReport !== undefined) onReport(json());
  if (used.length === 0) throw nothingUsable(config, rejected);
  const items = itemsOf(used);
  try {
    await stored.keep({ items, texts, rejected, events, report: json }, { grounds: plan.grounds, startedAt });
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    options.emit?.({ type: "warning", message: `the next start looks at all files again: ${error.message}` });
  }
  owned.move();
  return new Dataset(items, { rejected, cache, texts: new TextKeys(texts, fingerprints.text), use });
}

/** What a function gives, made when it is first asked for. */
function once<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => made ??= make();
}

/** Makes the entries that are missing. @returns for each key that cannot be made, what is wrong with its file */
async function fill(
  { cache, files, textKeys, columns, seenPath }: {
    cache: TensorCache;
    files: readonly FileWindows[];
    textKeys: ReadonlyMap<string, CacheKey>;
    columns: KeyColumns;
    seenPath: string;
  },
  { config, options, rejections }: { config: DataConfig; options: PrepareOptions; rejections: Rejections },
): Promise<Map<CacheKey, RejectedFile>> {
  const { emit, signal, geometry } = options;
  const missing = missingEntries(cache, { columns, seenPath });
  const windows = missingWindows(files, missing);
  const texts = new Map([...textKeys].filter(([, key]) => missing.text.has(key)));
  const limit = new CacheLimit(cache.folder, config.cache);
  const stage = new Stage("encoding", { total: texts.size + windows.length, emit });
  const filling = { cache, limit, encoders: options, strides: geometry, rejections, stage, signal };
  await fillTexts(texts, filling);
  const failed = await fillWindows(windows, filling);
  await limit.end(emit);
  return failed;
}
