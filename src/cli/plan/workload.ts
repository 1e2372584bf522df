/** What a config's clips and captions ask of a run, read off the data report. */
import type { RunConfig, SettledConfig } from "../../config/mod.ts";
import type { DataReport } from "../../data/mod.ts";
import { batchShape, tokensOf, type Workload } from "../../train/mod.ts";
import { type ModelSource, TEXT_LENGTH } from "../../wan/mod.ts";

/** A clip of each kind that there is, and how often it is encoded. */
function clipsOf(
  { files, buckets }: DataReport,
): { width: number; height: number; numFrames: number; count: number }[] {
  const counts = new Map<string, number>();
  for (const { bucket, variants } of files.flatMap((file) => file.windows)) {
    counts.set(bucket, (counts.get(bucket) ?? 0) + variants);
  }
  return buckets.map(({ bucket, width, height, frames }) => ({
    ...{ width, height, numFrames: frames },
    count: counts.get(bucket) ?? 0,
  }));
}

/** Batches of an epoch, by the report of what is trained on. */
export function batchesPerEpoch({ buckets }: DataReport, { train }: Pick<RunConfig, "train">): number {
  return Math.max(1, buckets.reduce((sum, { shown }) => sum + Math.ceil(shown / train.batchSize), 0));
}

/**
 * @param report of all that is encoded
 * @param options.training that of what is trained on
 * @param options.countTokens of a text; absent where there is no tokenizer: then texts are taken to be as long as can be
 */
export function workloadOf(
  report: DataReport,
  { training, config, models, countTokens }: {
    training: DataReport;
    config: SettledConfig;
    models: ModelSource;
    countTokens: ((text: string) => number) | undefined;
  },
): Workload {
  const { data, sample, train } = config;
  const clips = clipsOf(report);
  const pixels = ({ width, height, numFrames }: typeof clips[number]): number => width * height * numFrames;
  const { spatialDivisor: side } = models;
  const [clip = { width: side, height: side, numFrames: 1 }] = clips.toSorted((a, b) => pixels(b) - pixels(a));
  const prompts = sample === undefined ? [] : [...sample.prompts, sample.negativePrompt];
  const texts = new Set([...report.files.flatMap(({ captions }) => captions), ...prompts]);
  if (data.captionDropout > 0) texts.add("");
  const lengths = [...texts].map((text) => Math.min(TEXT_LENGTH, countTokens?.(text) ?? TEXT_LENGTH));
  return {
    batch: batchShape(train, { numTokens: Math.max(1, ...clipsOf(training).map((one) => tokensOf(one, models))) }),
    ...{ clip, totalPixels: clips.reduce((sum, one) => sum + one.count * pixels(one), 0) },
    ...{ numTexts: texts.size, textTokens: Math.max(1, ...lengths) },
  };
}
