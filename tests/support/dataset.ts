/** A dataset prepared with small stand-ins for the encoders, and what it told. */

import { type DataConfig, parseConfig } from "../../src/config/mod.ts";
import { type Dataset, type FrameSource, prepareDataset, type PrepareOptions } from "../../src/data/mod.ts";
import type { EventBody } from "../../src/events/mod.ts";
import { cat, full, type Tensor, tidy } from "../../src/torch/mod.ts";

/** What the stand-ins were asked for. */
export interface Calls {
  readonly videos: (readonly number[])[];
  readonly captions: string[];
}

/** The section `data` of a config. */
export function dataConfig(values: Record<string, unknown>): DataConfig {
  const text = JSON.stringify({ version: 1, model: { weights: "model" }, train: { steps: 1 }, data: values });
  const config = parseConfig(text, { path: "/test.jsonc" });
  return config.data;
}

/** Encoders whose output can be told from their input: means of cells of 4 x 16 x 16, and as many rows as characters. */
export function standIns(calls: Calls): Pick<PrepareOptions, "encodeVideo" | "encodeText" | "fingerprints"> {
  return {
    fingerprints: { video: "v1", text: "t1" },
    encodeVideo: (video: FrameSource): Tensor => {
      calls.videos.push(video.shape);
      const [, , F = 1, H = 16, W = 16] = video.shape;
      return tidy(() => {
        const cells: Tensor[] = [];
        for (let start = 0, length = 1; start < F; start += length, length = 4) { // the first frame alone, then fours
          cells.push(tidy(() => {
            const frames = video.frames(start, length);
            return frames.reshape([1, 3, 1, length, H / 16, 16, W / 16, 16]).mean([3, 5, 7]);
          }));
        }
        return cat(cells, 2);
      });
    },
    encodeText: (caption: string): Tensor => {
      calls.captions.push(caption);
      return full([Math.min(512, Math.max(1, caption.length)), 8], caption.length);
    },
  };
}

/** Prepares a dataset; collects events. Its hold on the cache is let go, so that tests need not dispose of it. */
export async function prepare(
  values: Record<string, unknown>,
  options: Partial<PrepareOptions> & { cacheDir: string },
): Promise<{ dataset: Dataset; events: EventBody[]; calls: Calls }> {
  const calls: Calls = { videos: [], captions: [] };
  const events: EventBody[] = [];
  const dataset = await prepareDataset(dataConfig(values), {
    geometry: { spatialDivisor: 32, temporalStride: 4, spatialStride: 16, fps: 24 },
    ...standIns(calls),
    emit: (event) => events.push(event),
    ...options,
  });
  dataset[Symbol.dispose]();
  return { dataset, events, calls };
}
