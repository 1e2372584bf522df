/** From the config to a dataset: what is not in the cache is decoded and encoded, once. */

import { dataCacheFolder, DataError } from "../base/mod.ts";
import type { DataConfig } from "../config/mod.ts";
import type { Emit } from "../events/mod.ts";
import { FileProblem, quoteName } from "../media/mod.ts";
import type { Tensor } from "../torch/mod.ts";
import { type CacheKey, cacheKey, TensorCache } from "./cache.ts";
import { Dataset, type DatasetItem } from "./dataset.ts";
import { Decoder } from "./decoder.ts";
import { contentNotes, type Encoders, ensureCached, framesToTensor } from "./encode.ts";
import { nameSome, Notes } from "./notes.ts";
import { type DataGeometry, planDataset, type PlannedFile, rejectionOf, Rejections, stampOf } from "./plan.ts";
import type { RejectedFile } from "./scan.ts";

/** What {@linkcode prepareDataset} needs besides the config. */
export interface PrepareOptions extends Encoders {
  readonly geometry: DataGeometry;
  /** Texts that are encoded besides the captions, such as the prompts of samples. */
  readonly prompts?: readonly string[] | undefined;
  /** Default: `data.cacheDir`, where "auto" is the user's cache folder. */
  readonly cacheDir?: string | undefined;
  readonly emit?: Emit | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Changes whenever frames are chosen, turned, scaled or cut by another rule, so that old latents are not taken. */
const FRAME_RULE = 1;

/**
 * Scans, probes, decodes and encodes what the config names; what is in the cache is taken from there. All captions are
 * encoded before the first clip, so the text encoder may be let go at the first call of `encodeVideo`.
 * @throws {DataError} if no file can be used, or at the first bad file where `onBadFile` is "stop"
 * @throws {DiskError} if the cache cannot be written; {SetupError} if ffmpeg is missing; {ConfigError} as planDataset
 */
export async function prepareDataset(config: DataConfig, options: PrepareOptions): Promise<Dataset> {
  const plan = await planDataset(config, options);
  const cache = new TensorCache(
    options.cacheDir ?? (config.cacheDir === "auto" ? dataCacheFolder() : config.cacheDir),
  );
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

/** Encodes what is missing; clips that another process is at are left for a second round. */
async function encodeClips(files: readonly PlannedFile[], work: Work): Promise<DatasetItem[]> {
  const { cache, options } = work;
  const { emit, signal } = options;
  const items = new Map<PlannedFile, DatasetItem>();
  let queue = files;
  let done = 0;
  for (const wait of [false, true]) {
    const later: PlannedFile[] = [];
    const isWanted = (file: PlannedFile): boolean => !cache.has("latents", latentsKey(file, options));
    await using decoder = new Decoder(queue, { isWanted, signal });
    for (const planned of queue) {
      emit?.({ type: "stage", stage: "encoding", done, total: files.length, item: planned.file.path });
      try {
        const key = latentsKey(planned, options);
        const make = (): Promise<Tensor> => encodeFile(planned, { decoder, ...work });
        if (await ensureCached(cache, { kind: "latents", key, make }, { wait, signal })) {
          items.set(planned, itemOf(planned, key));
          tellUsed(planned, emit);
          work.notes.add(planned.file.path, [...planned.file.notes, ...planned.plan.notes]);
        } else {
          later.push(planned);
          continue;
        }
      } catch (error) {
        work.rejections.add(rejectionOf(planned.file.path, error));
      }
      done++;
    }
    queue = later;
  }
  emit?.({ type: "stage", stage: "encoding", done, total: files.length });
  return files.map((planned) => items.get(planned)).filter((item) => item !== undefined);
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

function latentsKey({ content, plan }: PlannedFile, { fingerprints }: PrepareOptions): CacheKey {
  const { crop, stretch } = plan;
  return cacheKey("latents", { content, crop, stretch, rule: FRAME_RULE, encoder: fingerprints.video });
}

async function encodeFile(
  planned: PlannedFile,
  { decoder, options, notes }: Work & { readonly decoder: Decoder },
): Promise<Tensor> {
  const decoded = await decoder.take(planned);
  if (stampOf(planned.file.path) !== planned.stamp) {
    throw new FileProblem(planned.file.path, {
      attempt: "decode",
      fact: "it was changed while it was read",
      cure: "start again when it is finished",
    });
  }
  notes.add(planned.file.path, contentNotes(decoded));
  using frames = framesToTensor(decoded);
  return await options.encodeVideo(frames);
}

function itemOf({ file, plan }: PlannedFile, key: CacheKey): DatasetItem {
  const { crop, stretch, bucket } = plan;
  return {
    path: file.path,
    caption: file.caption,
    frames: stretch.frames,
    fps: stretch.fps,
    width: crop.width,
    height: crop.height,
    repeats: file.repeats,
    bucket,
    latentsKey: key,
  };
}

function tellUsed({ file, plan }: PlannedFile, emit: Emit | undefined): void {
  const { crop, stretch } = plan;
  const { left: x, top: y, width, height } = crop;
  const cut = width !== crop.scaledWidth || height !== crop.scaledHeight ? { crop: { x, y, width, height } } : {};
  const { frames, fps } = stretch;
  emit?.({ type: "file", path: file.path, status: "used", frames, fps, width, height, ...cut });
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
