/** Decoding one file ahead of the one that is being encoded. */

import { type Frames, readFrames } from "../media/mod.ts";
import type { PlannedFile } from "./plan.ts";

/** What decides which file is decoded ahead, and until when. */
export interface DecoderOptions {
  /** Whether a file's frames are wanted, asked just before they would be decoded. */
  readonly isWanted: (planned: PlannedFile) => boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Hands out the frames of a queue of files. Its children end when it is disposed of. */
export class Decoder implements AsyncDisposable {
  readonly #queue: readonly PlannedFile[];
  readonly #isWanted: DecoderOptions["isWanted"];
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  #ahead: { readonly planned: PlannedFile; readonly frames: Promise<Frames> } | undefined;

  constructor(queue: readonly PlannedFile[], { isWanted, signal }: DecoderOptions) {
    this.#queue = queue;
    this.#isWanted = isWanted;
    this.#signal = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]);
  }

  /** The frames of a file; starts on the next one of the queue that is wanted. @throws as readFrames */
  async take(planned: PlannedFile): Promise<Frames> {
    const started = this.#ahead?.planned === planned ? this.#ahead.frames : this.#decode(planned);
    this.#ahead = undefined;
    const frames = await started;
    const following = this.#queue.slice(this.#queue.indexOf(planned) + 1);
    const next = following.find((one) => one.content !== planned.content && this.#isWanted(one));
    if (next !== undefined) {
      this.#ahead = { planned: next, frames: this.#decode(next) };
      this.#ahead.frames.catch(() => {}); // told when it is taken
    }
    return frames;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#ahead?.frames.catch(() => {});
  }

  #decode({ info, plan }: PlannedFile): Promise<Frames> {
    const { crop, stretch } = plan;
    const { width, height } = crop;
    const { fps, start, frames: numFrames } = stretch;
    return readFrames(info, { width, height, crop, fps, start, numFrames, signal: this.#signal });
  }
}
