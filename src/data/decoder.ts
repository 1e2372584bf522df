/** Decoding one window ahead of the one that is being encoded. */

import type { Frames } from "../media/mod.ts";
import { readPlanned } from "./read_window.ts";
import type { PlannedWindow } from "./plan.ts";

/** What decides which window is decoded ahead, and until when. */
export interface DecoderOptions {
  /** Whether the frames of a window are wanted, asked just before they would be decoded. */
  readonly isWanted: (next: PlannedWindow) => boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Hands out the frames of a queue of windows. Its children end when it is disposed of. */
export class Decoder implements AsyncDisposable {
  readonly #queue: readonly PlannedWindow[];
  readonly #isWanted: DecoderOptions["isWanted"];
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  #ahead: { readonly planned: PlannedWindow; readonly frames: Promise<Frames> } | undefined;

  constructor(queue: readonly PlannedWindow[], { isWanted, signal }: DecoderOptions) {
    this.#queue = queue;
    this.#isWanted = isWanted;
    this.#signal = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]);
  }

  /** The frames of a window; starts on the next one of the queue that is wanted. @throws as readFrames */
  async take(planned: PlannedWindow): Promise<Frames> {
    const started = this.#ahead?.planned === planned ? this.#ahead.frames : this.#decode(planned);
    this.#ahead = undefined;
    const frames = await started;
    const next = this.#after(planned);
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

  #after(planned: PlannedWindow): PlannedWindow | undefined {
    for (let at = this.#queue.indexOf(planned) + 1; at < this.#queue.length; at++) {
      const next = this.#queue[at];
      if (next !== undefined && this.#isWanted(next)) return next;
    }
    return undefined;
  }

  #decode(planned: PlannedWindow): Promise<Frames> {
    return readPlanned(planned, { signal: this.#signal });
  }
}
