/** From the config to a dataset: what is not in the cache is decoded and encoded, once. */

import { DataError } from "../base/mod.ts";
import type { DataConfig } from "../config/mod.ts";
import type { Emit } from "../events/mod.ts";
import { FileProblem, quoteName } from "../media/mod.ts";
import type { Tensor } from "../torch/mod.ts";
import { type CacheKey, cacheKey, dataCacheDir, TensorCache } from "./cache.ts";
import { Dataset, type DatasetItem } from "./dataset.ts";
import { Decoder } from "./decoder.ts";
import { contentNotes, type Encoders, ensureCached, framesToTensor } from "./encode.ts";
import { fileState } from "./file_facts.ts";
import { nameSome, Notes } from "./notes.ts";
import {
  type DataGeometry,
  planDataset,
  type PlannedFile,
  type PlannedWindow,
  rejectionOf,
  Rejections,
} from "./plan.ts";
import type { RejectedFile } from "./scan.ts";

/** What {@linkcode prepareDataset} needs besides the config. */
export interface PrepareOptions extends Encoders {
  readonly geometry: DataGeometry;
  /** Texts that are encoded besides the captions, such as the prompts of samples. */
  readonly prompts?: readonly string[] | undefined;
  /** Default: `data.cache.dir`, where "auto" is the user's cache folder. */
  readonly cacheDir?: string | undefined;
  readonly emit?: Emit | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Changes whenever frames are chosen, turned, scaled or cut by another rule, so that old latents are not taken. */
const FRAME_RULE = 2;

/**
 * Scans, probes, decodes and encodes what the config names; what is in the cache is taken from there. All captions are
 * encoded before the first clip, so the text encoder may be let go at the first call of `encodeVideo`.
 * @throws {DataError} if no file can be used, or at the first bad file where `onBadFile` is "stop"
 * @throws {DiskError} if the cache cannot be written; {SetupError} if ffmpeg is missing; {ConfigError} as planDataset
 */
export async function prepareDataset(config: DataConfig, options: PrepareOptions): Promise<Dataset> {
  const plan = await planDataset(config, options);
  const cache = new TensorCache(options.cacheDir ?? dataCacheDir(config));
  const rejections = new Rejections(config.onBadFile, options.emit);
  const notes = new Notes();
  const textKeys = await encodeCaptions(plan.used, { config, cache, options });
  const items = await encodeClips(plan.used, { cache, options, rejections, notes });
  notes.add("", sameContent(plan.used));
  notes.tell(options.emit);
  const rejected = [...plan.rejected, ...rejections.list];
  if (items.length === 0) throw nothingUsable(config, rejected);
  return new Dataset(items, { rejected, cache, textKeys });
}

/** What the encoding of clips needs and reports to. */
interface Work {
  readonly cache: TensorCache;
  readonly options: PrepareOptions;
  readonly rejections: Rejections;
  readonly notes: Notes;
}

/** Encodes what is missing; files that another process is at are left for a second round. */
async function encodeClips(files: readonly PlannedFile[], work: Work): Promise<DatasetItem[]> {
  const { cache, options } = work;
  const { emit, signal } = options;
  const items = new Map<PlannedFile, DatasetItem[]>();
  let queue = files.map((planned) => ({ planned, windows: windowsOf(planned) }));
  let done = 0;
  for (const wait of [false, true]) {
    const later: typeof queue = [];
    const isWanted = (next: PlannedWindow, now: PlannedWindow): boolean => {
      const key = latentsKey(next, options);
      return key !== latentsKey(now, options) && !cache.has("latents", key);
    };
    await using decoder = new Decoder(queue.flatMap(({ windows }) => windows), { isWanted, signal });
    for (const file of queue) {
      const { planned, windows } = file;
      emit?.({ type: "stage", stage: "encoding", done, total: files.length, item: planned.file.path });
      try {
        if (!await encodeWindows(windows, { wait, decoder, ...work })) {
          later.push(file);
          continue;
        }
        items.set(planned, itemsOf(planned, options));
        tellUsed(planned, emit);
        work.notes.add(planned.file.path, [...planned.file.notes, ...planned.plan.notes]);
      } catch (error) {
        work.rejections.add(rejectionOf(planned.file.path, error));
      }
      done++;
    }
    queue = later;
  }
  emit?.({ type: "stage", stage: "encoding", done, total: files.length });
  return files.flatMap((planned) => items.get(planned) ?? []);
}

/** All windows of a file: each variant of each of its items. */
function windowsOf(planned: PlannedFile): PlannedWindow[] {
  return planned.plan.items.flatMap(({ variants }) => variants.map((window) => ({ planned, window })));
}

/** @returns false if another process is at one of them and `wait` is not set */
async function encodeWindows(
  windows: readonly PlannedWindow[],
  { wait, ...work }: Work & { readonly wait: boolean; readonly decoder: Decoder },
): Promise<boolean> {
  const { cache, options } = work;
  let all = true;
  for (const planned of windows) {
    const key = latentsKey(planned, options);
    const make = (): Promise<Tensor> => encodeWindow(planned, work);
    all = await ensureCached(cache, { kind: "latents", key, make }, { wait, signal: options.signal }) && all;
  }
  return all;
}

async function encodeCaptions(
  used: readonly PlannedFile[],
  { config, cache, options }: { config: DataConfig; cache: TensorCache; options: PrepareOptions },
): Promise<Map<string, CacheKey>> {
  const captions = new Set([...used.map(({ file }) => file.caption), ...options.prompts ?? []]);
  if (config.captionDropout > 0 && used.length > 0) captions.add("");
  const keys = new Map<string, CacheKey>();
  for (const caption of captions) {
    const key = cacheKey("text", { caption, encoder: options.fingerprints.text });
    keys.set(caption, key);
    const make = async (): Promise<Tensor> => await options.encodeText(caption);
    await ensureCached(cache, { kind: "text", key, make }, { wait: true, signal: options.signal });
  }
  return keys;
}

function latentsKey({ planned, window }: PlannedWindow, { fingerprints }: PrepareOptions): CacheKey {
  return cacheKey("latents", { content: planned.content, window, rule: FRAME_RULE, encoder: fingerprints.video });
}

async function encodeWindow(
  planned: PlannedWindow,
  { decoder, options, notes }: Work & { readonly decoder: Decoder },
): Promise<Tensor> {
  const decoded = await decoder.take(planned);
  const { file, state } = planned.planned;
  if (fileState(file.path).stamp !== state.stamp) {
    throw new FileProblem(file.path, {
      attempt: "decode",
      fact: "it was changed while it was read",
      cure: "start again when it is finished",
    });
  }
  notes.add(file.path, contentNotes(decoded));
  using frames = framesToTensor(decoded);
  return await options.encodeVideo(frames);
}

function itemsOf(planned: PlannedFile, options: PrepareOptions): DatasetItem[] {
  const { file, plan } = planned;
  return plan.items.flatMap(({ bucket, variants }) => {
    const [first] = variants;
    if (first === undefined) return [];
    const { frames, fps, crop: { width, height } } = first;
    const latentsKeys = variants.map((window) => latentsKey({ planned, window }, options));
    const { path, caption, repeats } = file;
    return [{ path, caption, frames, fps, width, height, repeats, bucket, latentsKeys }];
  });
}

function tellUsed({ file, plan }: PlannedFile, emit: Emit | undefined): void {
  const first = plan.items[0]?.variants[0];
  if (first === undefined) return;
  const { frames, fps, crop: { left: x, top: y, width, height, scaledWidth, scaledHeight } } = first;
  const cut = width !== scaledWidth || height !== scaledHeight ? { crop: { x, y, width, height } } : {};
  const windows = plan.items.length;
  emit?.({ type: "file", path: file.path, status: "used", windows, frames, fps, width, height, ...cut });
}

function sameContent(used: readonly PlannedFile[]): string[] {
  const byContent = new Map<string, string[]>();
  for (const { content, file } of used) byContent.set(content, [...byContent.get(content) ?? [], file.path]);
  return [...byContent.values()].filter((paths) => paths.length > 1)
    .map((paths) => `${nameSome(paths, " and ")} have the same content`);
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
