/** Samples during training: made by the sampler that everyone uses afterwards, with the adapters as they are now. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { SampleConfig } from "../config/mod.ts";
import type { Emit } from "../events/mod.ts";
import { writeFigures, writeVideo } from "../media/mod.ts";
import { dims, noGrad, type Tensor, tidy } from "../torch/mod.ts";
import { generate, padPrompt, solverOf, TEXT_LENGTH } from "../wan/mod.ts";
import { trainedModel } from "./experts.ts";
import { guidanceOf } from "./guidance.ts";
import { readImage } from "./pictures.ts";
import type { Session } from "./setup.ts";
import type { TextSide } from "./text_side.ts";

/** A video in memory. */
export interface SampledVideo {
  /** [F, H, W, 3], 0 to 255 */
  readonly pixels: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly fps: number;
}

/** A sample that was made in a run. */
export interface MadeSample {
  readonly step: number;
  /** Place of its prompt in the config. */
  readonly index: number;
  readonly video: SampledVideo;
}

/** Frames [1, F, 3, H, W] in [0, 1] as bytes [F, H, W, 3], rounded; one frame at a time, as a video's floats are many. */
export function toPixels(frames: Tensor): Uint8Array {
  const { F, H, W } = dims(frames, "1 F 3 H W");
  const pixels = new Uint8Array(F * H * W * 3);
  for (let f = 0; f < F; f++) {
    tidy(() => {
      const frame = frames.select(1, f).select(0, 0).permute([1, 2, 0]).mul(255).round().clamp(0, 255); // [H, W, 3]
      pixels.set(frame.to({ dtype: "uint8", device: "cpu" }).contiguous().toBytes(), f * H * W * 3);
    });
  }
  return pixels;
}

/** Makes one video of a prompt that the run's data set was prepared with. */
export async function sampleVideo(
  session: Session,
  options: {
    sample: SampleConfig;
    prompt: string;
    /** The picture to begin with */
    image?: string | undefined;
    seed: number;
    signal?: AbortSignal | undefined;
  },
): Promise<SampledVideo> {
  const { dataset, models, device, dtype } = session;
  const { sample, prompt, seed, signal } = options;
  const { width, height, numFrames } = sample;
  using vae = models.loadVae({ device });
  const embeds = (text: string): Tensor => {
    using rows = session.text === undefined ? dataset.text(text) : encodeNow(session.text, text);
    return tidy(() => padPrompt(rows, TEXT_LENGTH).unsqueeze(0).to({ device, dtype }));
  };
  using promptEmbeds = embeds(prompt);
  using negativePromptEmbeds = embeds(sample.negativePrompt);
  using read = options.image === undefined
    ? undefined
    : await readImage(options.image, { width, height, image: models.variant.image });
  using image = read?.to({ device });
  using model = trainedModel(session);
  const { latents, frames } = await generate({ model, vae }, {
    start: { width, height, numFrames, seed },
    image,
    promptEmbeds,
    negativePromptEmbeds,
    steps: sample.steps,
    ...guidanceOf(sample, models.variant),
    shift: sample.shift === "auto" ? models.shift : sample.shift,
    solver: solverOf(sample),
    signal,
  });
  latents[Symbol.dispose]();
  using made = frames;
  return { pixels: noGrad(() => toPixels(made)), width, height, fps: fpsOf(session, sample) };
}

/** A prompt's rows by the text encoder as it is trained so far. */
function encodeNow(text: TextSide, prompt: string): Tensor {
  return noGrad(() => text.encode(prompt));
}

/** Makes every sample the config asks for and writes each as an MP4. */
export async function makeSamples(
  session: Session,
  options: {
    step: number;
    folder: string;
    emit: Emit;
    onSample: (made: MadeSample) => void;
    signal?: AbortSignal | undefined;
  },
): Promise<void> {
  const { sample } = session.config;
  if (sample === undefined) return;
  const { step, folder, emit, onSample, signal } = options;
  const total = sample.prompts.length;
  for (const [index, prompt] of sample.prompts.entries()) {
    emit({ type: "stage", stage: "sampling", done: index, total, item: prompt });
    const { seed } = sample;
    const from = performance.now();
    const image = sample.images?.[index] ?? sample.images?.[0];
    const video = await sampleVideo(session, { sample, prompt, image, seed, signal });
    const path = samplePath(folder, { step, index });
    await writeVideo(path, video.pixels, { ...video, comment: JSON.stringify({ prompt, seed, step }), signal });
    writeFigures(path, video.pixels, video);
    emit({ type: "sample", step, path, prompt, seed, seconds: (performance.now() - from) / 1000 });
    onSample({ step, index, video });
  }
  emit({ type: "stage", stage: "sampling", done: total, total });
}

/** Whether every sample of a step is there, as after a resume from a checkpoint of that step. */
export function hasSamples(folder: string, options: { step: number; count: number }): boolean {
  const { step, count } = options;
  return Array.from({ length: count }, (_, index) => existsSync(samplePath(folder, { step, index }))).every(Boolean);
}

function samplePath(folder: string, { step, index }: { step: number; index: number }): string {
  return join(folder, `step-${String(step).padStart(8, "0")}-${index}.mp4`);
}

function fpsOf({ models }: Session, sample: SampleConfig): number {
  return sample.fps === "auto" ? models.variant.inference.fps : sample.fps;
}
