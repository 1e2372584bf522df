/** What the demo measures: loss on fixed noise, and how close samples come to the clips. */
import { basename } from "node:path";
import { psnr, readFrames } from "../../media/mod.ts";
import type { MadeSample, SampledVideo, Session, TrainObserver } from "../../train/mod.ts";
import { fixedNoiseLoss } from "../../train/mod.ts";
import { tidy } from "../../torch/mod.ts";

/** One clip before and after training. */
export interface ClipResult {
  readonly name: string;
  readonly lossBefore: number;
  readonly lossAfter: number;
  /** Decibels, of the sample of seed 0 against the clip */
  readonly psnrBefore: number;
  readonly psnrAfter: number;
}

/** A clip and its samples, as pixels. */
export interface ClipVideos {
  readonly name: string;
  readonly target: SampledVideo;
  readonly before: SampledVideo;
  readonly after: SampledVideo;
}

/** Looks at a run whose samples are the captions of its clips. */
export class DemoMeasurements implements TrainObserver {
  #losses: (readonly number[])[] = [];
  readonly #samples: MadeSample[] = [];
  #clips: readonly { name: string; path: string; caption: string; fps: number }[] = [];
  #prompts: readonly string[] = [];

  onReady(session: Session): void {
    this.#clips = session.dataset.items.map(({ path, captions: [caption = ""], fps }) => {
      return { name: stem(path), path, caption, fps };
    });
    this.#prompts = session.config.sample?.prompts ?? [];
    this.#losses = [lossPerClip(session)];
  }

  onSample(made: MadeSample): void {
    this.#samples.push(made);
  }

  onTrained(session: Session): void {
    this.#losses.push(lossPerClip(session));
  }

  /** Everything side by side. @throws {RangeError} if the run did not come to its end */
  async results(): Promise<{ clips: ClipResult[]; videos: ClipVideos[] }> {
    const [before, after] = this.#losses;
    if (before === undefined || after === undefined) throw new RangeError("the run did not come to its end");
    const videos = await Promise.all(this.#clips.map(async (clip): Promise<ClipVideos> => {
      const made = this.#samples.filter(({ index }) => this.#prompts[index] === clip.caption);
      const [first, last] = [made.at(0)?.video, made.at(-1)?.video];
      if (first === undefined || last === undefined) throw new RangeError(`no sample was made of ${clip.name}`);
      const { width, height } = first;
      const numFrames = first.pixels.length / (width * height * 3);
      const target = await readFrames(clip.path, { width, height, fps: clip.fps, numFrames });
      return { name: clip.name, before: first, after: last, target: { ...first, pixels: target.pixels } };
    }));
    const clips = videos.map(({ name, target, before: first, after: last }, i): ClipResult => ({
      name,
      lossBefore: before[i] ?? NaN,
      lossAfter: after[i] ?? NaN,
      psnrBefore: psnr(first.pixels, target.pixels),
      psnrAfter: psnr(last.pixels, target.pixels),
    }));
    return { clips, videos };
  }
}

/** The loss on fixed noise of each clip of the data set. */
function lossPerClip({ dataset, trainees: [trainee] }: Session): readonly number[] {
  if (trainee === undefined) throw new TypeError("a session without an expert");
  return tidy(() =>
    fixedNoiseLoss(trainee.model, {
      device: trainee.device,
      clips: dataset.items.map((item) => ({
        latents: dataset.latents(item),
        text: dataset.text(item.captions[0] ?? ""),
      })),
    }).perClip
  );
}

function stem(path: string): string {
  return basename(path).replace(/\.[^.]*$/, "");
}
