/**
 * From sources to decisions: every file is scanned, probed and planned, a few at a time, before anything is encoded.
 */

import { DataError } from "../base/mod.ts";
import type { DataConfig } from "../config/mod.ts";
import type { Emit } from "../events/mod.ts";
import { FileProblem, findPrograms, type MediaInfo, quoteName } from "../media/mod.ts";
import { bucketsOf } from "./bucket.ts";
import type { CountTokens } from "./caption_length.ts";
import type { RejectedFile } from "./codes.ts";
import { type CacheKey, dataCacheDir, type WindowKind } from "./cache.ts";
import { type Companions, companionsOf } from "./companions.ts";
import { type Duplicate, findDuplicates } from "./duplicates.ts";
import { FileFacts, type FileState, fileState } from "./file_facts.ts";
import type { Grounds } from "./grounds.ts";
import type { Glance } from "./glance.ts";
import { type Plan, planItem, type PlanSettings } from "./item.ts";
import { contentNotes, wantsGlance, withoutContent } from "./limits.ts";
import { contentHash, knownGlance, knownScenes, probedInfo } from "./probed.ts";
import { type FoundFile, scanSources } from "./scan.ts";
import { sourcesOf } from "./source.ts";
import { Stage } from "./stage.ts";
import { listFrameCounts, type Window } from "./window.ts";

/** What the model asks of pictures. */
export interface DataGeometry {
  /** Both sides are multiples of this: 32 for TI2V-5B. */
  readonly spatialDivisor: number;
  /** Pixel frames for each latent frame after the first: 4. */
  readonly temporalStride: number;
  /** Pixels for each latent cell, along either side: 16 for TI2V-5B. */
  readonly spatialStride: number;
  /** Frames per second that the model was trained at; taken when `data.fps` is "auto". */
  readonly fps: number;
}

/** A file that will be used, and how. */
export interface PlannedFile extends Companions {
  readonly file: FoundFile;
  readonly info: MediaInfo;
  readonly plan: Extract<Plan, { status: "used" }>;
  /** SHA-256 of its bytes. */
  readonly content: string;
  /** What a few of its frames show; absent where nothing wants to know. */
  readonly glance?: Glance | undefined;
  /** Its state when it was looked at, to notice changes. */
  readonly state: FileState;
}

/** An entry of the cache that follows from one window of a file. */
export interface PlannedWindow {
  readonly planned: PlannedFile;
  readonly window: Window;
  readonly kind: WindowKind;
  readonly key: CacheKey;
}

/** The decisions over all files of the sources. */
export interface DataPlan {
  readonly used: readonly PlannedFile[];
  readonly rejected: readonly RejectedFile[];
  /** Files that show the same as another one, whether they are used or not. */
  readonly duplicates: readonly Duplicate<PlannedFile>[];
  readonly settings: PlanSettings;
  readonly numIgnored: number;
  /** What the decisions rest on, besides config, model and programs. */
  readonly grounds: Grounds;
}

/** Options of {@linkcode planDataset}. */
export interface PlanOptions {
  readonly geometry: DataGeometry;
  /** The model's tokenizer, so that the length of captions is exact; without it they are estimated. */
  readonly countTokens?: CountTokens | undefined;
  /** Default: `data.cache.dir`, where "auto" is the user's cache folder. */
  readonly cacheDir?: string | undefined;
  readonly emit?: Emit | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Variants of an item in which something is drawn. Chosen: the fourth version of a clip is still worth its encoding. */
const AUTO_VARIANTS = 4;
/** Files that are probed at the same time. */
const AT_ONCE = 2;
/** Files whose facts are read at one go. */
const READ_AHEAD = 256;

/**
 * Decides over every file; nothing is decoded and no weights are needed. Rejections are told by `file` events.
 * @throws {DataError} if a source does not exist, or at the first bad file where `onBadFile` is "stop"
 * @throws {ConfigError} if no bucket fits; {SetupError} if ffmpeg is missing; {DiskError} if the cache is unusable
 */
export async function planDataset(config: DataConfig, options: PlanOptions): Promise<DataPlan> {
  const { emit } = options;
  const settings = planSettings(config, options.geometry);
  const { version } = await findPrograms();
  using facts = new FileFacts(options.cacheDir ?? dataCacheDir(config));
  const scan = scanSources(sourcesOf(config), { countTokens: options.countTokens });
  const rejections = new Rejections(config.onBadFile, emit);
  scan.rejected.forEach((file) => rejections.add(file));
  const results: (PlannedFile | RejectedFile)[] = [];
  let next = 0;
  const stage = new Stage("probing", { total: scan.found.length, emit });
  const worker = async (): Promise<void> => {
    for (let index = next++; index < scan.found.length; index = next++) {
      options.signal?.throwIfAborted();
      const file = scan.found[index];
      if (file === undefined) return;
      if (index % READ_AHEAD === 0) {
        facts.readAhead(scan.found.slice(index, index + READ_AHEAD).map(({ path }) => path));
      }
      stage.begin(file.path);
      results[index] = await planFile(file, { settings, facts, version, signal: options.signal });
      stage.end();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const planned: PlannedFile[] = [];
  for (const result of results) {
    if ("reason" in result) rejections.add(result);
    else planned.push(result);
  }
  const { duplicates, used } = lookForDuplicates(planned, { limits: config.limits, rejections });
  return { used, duplicates, rejected: rejections.list, settings, numIgnored: scan.numIgnored, grounds: scan.grounds };
}

function lookForDuplicates(
  planned: readonly PlannedFile[],
  { limits, rejections }: { limits: DataConfig["limits"]; rejections: Rejections },
): { duplicates: readonly Duplicate<PlannedFile>[]; used: readonly PlannedFile[] } {
  if (limits.duplicates === "keep") return { duplicates: [], used: planned };
  const duplicates = findDuplicates(planned, { bits: limits.duplicateBits });
  if (limits.duplicates === "warn") return { duplicates, used: planned };
  for (const { file, kept, same } of duplicates) {
    const reason = same === "content" ? "it has the same content as" : "it shows the same as";
    const cure = 'remove one of them, or set data.limits.duplicates to "warn"';
    rejections.add({ path: file.file.path, code: "duplicate", reason: `${reason} ${quoteName(kept.file.path)}`, cure });
  }
  const left = new Set(duplicates.map(({ file }) => file));
  return { duplicates, used: planned.filter((file) => !left.has(file)) };
}

/** The settings that decide over files. @throws {ConfigError} if no bucket fits */
export function planSettings(config: DataConfig, geometry: DataGeometry): PlanSettings {
  const { resolution, maxAspect, maxUpscale, minKept, numFrames, limits } = config;
  const resolutions = Array.isArray(resolution) ? resolution : [resolution];
  const divisor = geometry.spatialDivisor;
  const buckets = bucketsOf(resolutions, { maxAspect, divisor });
  const fps = config.fps === "auto" ? geometry.fps : config.fps;
  const frameCounts = typeof numFrames === "number"
    ? listFrameCounts({ wanted: numFrames, stride: geometry.temporalStride })
    : [...new Set(numFrames)].sort((a, b) => a - b);
  const { frames, augment } = config;
  const variants = frames.variants === "auto" ? AUTO_VARIANTS : frames.variants;
  return { divisor, buckets, fit: { maxUpscale, minKept }, limits, frameCounts, fps, frames, augment, variants };
}

async function planFile(
  file: FoundFile,
  { settings, ...known }: {
    settings: PlanSettings;
    facts: FileFacts;
    version: string;
    signal: AbortSignal | undefined;
  },
): Promise<PlannedFile | RejectedFile> {
  try {
    const state = fileState(file.path);
    const info = await probedInfo(state, known);
    const content = await contentHash(state, known.facts);
    const scenes = settings.frames.strategy === "scene" ? await knownScenes(info, { state, ...known }) : undefined;
    const plan = planItem(info, { kind: file.kind, settings, content, ...(scenes === undefined ? {} : { scenes }) });
    if (plan.status === "rejected") {
      const { code, reason, cure } = plan;
      return { path: file.path, code, reason, cure };
    }
    const glance = wantsGlance(settings.limits) ? await knownGlance(info, { state, ...known }) : undefined;
    const empty = glance && withoutContent(glance, { isImage: info.isImage, limits: settings.limits });
    if (empty !== undefined) return { path: file.path, ...empty };
    const notes = [...plan.notes, ...contentNotes(glance, { isImage: info.isImage, limits: settings.limits })];
    return { file, info, plan: { ...plan, notes }, content, glance, state, ...await companionsOf(file, known.facts) };
  } catch (error) {
    return rejectionOf(file.path, error);
  }
}

/** What a failure says about a file. @throws the error itself if it is not about the file */
export function rejectionOf(path: string, error: unknown): RejectedFile {
  if (error instanceof FileProblem) return { path, code: error.code, reason: error.fact, cure: error.cure };
  if (error instanceof Deno.errors.NotFound) {
    return { path, code: "vanished", reason: "it has vanished since the folder was listed" };
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return { path, code: "permission", reason: "there is no permission to read it", cure: "make it readable" };
  }
  throw error;
}

/** Collects files that are left out; tells each, and stops at the first where the config says so. */
export class Rejections {
  readonly list: RejectedFile[] = [];
  readonly #stop: boolean;
  readonly #emit: Emit | undefined;

  constructor(onBadFile: DataConfig["onBadFile"], emit: Emit | undefined) {
    this.#stop = onBadFile === "stop";
    this.#emit = emit;
  }

  /** @throws {DataError} if bad files are to stop the run */
  add(file: RejectedFile): void {
    this.list.push(file);
    this.#emit?.({ type: "file", status: "rejected", ...file });
    if (!this.#stop) return;
    throw new DataError(`Cannot use ${quoteName(file.path)}: ${file.reason}`, {
      cure: `${file.cure === undefined ? "" : `${file.cure}; or `}set data.onBadFile to "skip"`,
    });
  }
}
