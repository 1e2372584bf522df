/** Fills the cache: what is missing is decoded and encoded, once, whoever else is at it. */

import type { Tensor } from "../torch/mod.ts";
import type { CacheKey, TensorCache } from "./cache.ts";
import type { CacheLimit } from "./cache_limit.ts";
import { Decoder } from "./decoder.ts";
import { type Encoders, ensureCached } from "./encode.ts";
import { fileState } from "./file_facts.ts";
import { frameSource } from "./frame_source.ts";
import { FileProblem } from "../media/mod.ts";
import { type LatentStrides, maskToLatents } from "./mask.ts";
import { type PlannedFile, type PlannedWindow, rejectionOf, type Rejections } from "./plan.ts";
import type { RejectedFile } from "./codes.ts";
import type { Stage } from "./stage.ts";

/** What filling needs and reports to. */
export interface Filling {
  readonly cache: TensorCache;
  readonly limit: CacheLimit;
  readonly encoders: Encoders;
  readonly strides: LatentStrides;
  readonly rejections: Rejections;
  readonly stage: Stage;
  readonly signal: AbortSignal | undefined;
}

/**
 * Goes through work that other processes may be at as well: what one of them has claimed is left for a second round, in
 * which it is waited for.
 * @param work told whether to wait; returns false if it is to come again
 */
async function inTwoRounds<T>(
  queue: readonly T[],
  work: (next: T, options: { wait: boolean; queue: readonly T[] }) => Promise<boolean>,
): Promise<void> {
  const later: T[] = [];
  for (const next of queue) if (!await work(next, { wait: false, queue })) later.push(next);
  for (const next of later) await work(next, { wait: true, queue: later });
}

/** Encodes texts. */
export async function fillTexts(missing: ReadonlyMap<string, CacheKey>, filling: Filling): Promise<void> {
  const { cache, encoders, limit, signal, stage } = filling;
  await inTwoRounds([...missing], async ([caption, key], { wait }) => {
    stage.begin(caption === "" ? "the empty caption" : caption);
    const make = async (): Promise<Tensor> => await encoders.encodeText(caption);
    if (!await ensureCached(cache, { kind: "text", key, make }, { wait, limit, signal })) return false;
    stage.end();
    return true;
  });
}

/**
 * Encodes windows of clips and stills.
 * @param missing each key once
 * @returns for each key that cannot be made, what is wrong with its file
 */
export async function fillWindows(
  missing: readonly PlannedWindow[],
  filling: Filling,
): Promise<Map<CacheKey, RejectedFile>> {
  const { cache, limit, rejections, signal, stage } = filling;
  const failed = new Map<CacheKey, RejectedFile>();
  const failedFiles = new Map<PlannedFile, RejectedFile>();
  const isWanted = ({ planned, kind, key }: PlannedWindow): boolean =>
    !failedFiles.has(planned) && !cache.has(kind, key);
  await using decoder = new Decoder(missing, { isWanted, signal });
  await inTwoRounds(missing, async (next, { wait }) => {
    const { planned, kind, key } = next;
    const before = failedFiles.get(planned);
    if (before !== undefined) failed.set(key, before);
    else {
      stage.begin(planned.file.path);
      try {
        const make = (): Promise<Tensor> => encodeWindow(next, { decoder, ...filling });
        if (!await ensureCached(cache, { kind, key, make }, { wait, limit, signal })) return false;
      } catch (error) {
        const rejected = rejectionOf(planned.file.path, error);
        rejections.add(rejected);
        failedFiles.set(planned, rejected);
        failed.set(key, rejected);
      }
    }
    stage.end();
    return true;
  });
  return failed;
}

async function encodeWindow(
  next: PlannedWindow,
  { decoder, encoders, strides }: Filling & { readonly decoder: Decoder },
): Promise<Tensor> {
  using decoded = await decoder.take(next);
  await new Promise((resolve) => setTimeout(resolve)); // the encoder blocks: first the next windows' decoders are started
  const { file, state } = next.planned;
  if (fileState(file.path).stamp !== state.stamp) {
    throw new FileProblem(file.path, {
      attempt: "decode",
      code: "file_changed",
      fact: "it was changed while it was read",
      cure: "start again when it is finished",
    });
  }
  const { kind, window } = next;
  const numFrames = window.frames;
  const video = frameSource(decoded, kind === "mask" ? undefined : window.augmentation?.color);
  if (kind === "latents") return await encoders.encodeVideo(video);
  using frames = video.frames(0, decoded.numFrames);
  if (kind === "mask") return maskToLatents(frames, { ...strides, numFrames });
  if (encoders.encodeCondition === undefined) throw new RangeError("there is no encoder of conditions");
  return await encoders.encodeCondition(frames, { numFrames });
}
