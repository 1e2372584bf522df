/** Decoding the windows that come next while one is encoded. */

import type { DecodedFrames } from "../media/mod.ts";
import { readPlanned } from "./read_window.ts";
import type { PlannedWindow } from "./plan.ts";

/** What decides which windows are decoded ahead, and until when. */
export interface DecoderOptions {
  /** Whether the frames of a window are wanted, asked just before they would be decoded. */
  readonly isWanted: (next: PlannedWindow) => boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Windows that are decoded or lie decoded at once, besides the one that is encoded. One ffmpeg alone leaves part of the
 * processors idle, as its parts wait for each other: 1.6 s of processor time took 1.1 s on two quiet cores.
 */
const MOST_AHEAD = 2;
/** Bytes of frames that these may hold together; one is decoded ahead however large it is. Chosen. */
const MOST_BYTES = 256 * 2 ** 20;

/** A window that is being decoded, or is. */
class Ahead implements AsyncDisposable {
  readonly planned: PlannedWindow;
  readonly frames: Promise<DecodedFrames>;
  readonly #stop = new AbortController();

  constructor(planned: PlannedWindow, signal: AbortSignal | undefined) {
    this.planned = planned;
    const stop = this.#stop.signal;
    this.frames = readPlanned(planned, { signal: signal === undefined ? stop : AbortSignal.any([signal, stop]) });
    this.frames.catch(() => {}); // told when it is taken
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    const frames = await this.frames.catch(() => undefined);
    frames?.[Symbol.dispose]();
  }
}

/** Hands out the frames of a queue of windows. What nobody took, its children included, ends when it is disposed of. */
export class Decoder implements AsyncDisposable {
  readonly #queue: readonly PlannedWindow[];
  readonly #options: DecoderOptions;
  /** In the order of the queue. */
  readonly #ahead: Ahead[] = [];
  /** The one that was begun last. */
  #last: PlannedWindow | undefined;

  constructor(queue: readonly PlannedWindow[], options: DecoderOptions) {
    this.#queue = queue;
    this.#options = options;
  }

  /**
   * The frames of a window, for the caller to dispose of; goes on with those of the queue behind it that are wanted.
   * @throws as decodeFrames
   */
  async take(planned: PlannedWindow): Promise<DecodedFrames> {
    this.#options.signal?.throwIfAborted(); // it may lie decoded already
    const place = this.#ahead.findIndex((ahead) => ahead.planned === planned);
    await this.#drop(place < 0 ? this.#ahead.length : place);
    const taken = this.#ahead[0] ?? this.#begin(planned);
    this.#fill();
    try {
      await taken.frames;
    } finally {
      this.#ahead.shift();
    }
    this.#fill();
    return await taken.frames;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#drop(this.#ahead.length);
  }

  /** Ends the first of those ahead. */
  async #drop(count: number): Promise<void> {
    await Promise.all(this.#ahead.splice(0, count).map((ahead) => ahead[Symbol.asyncDispose]()));
  }

  #begin(planned: PlannedWindow): Ahead {
    const ahead = new Ahead(planned, this.#options.signal);
    this.#ahead.push(ahead);
    this.#last = planned;
    return ahead;
  }

  /** Begins with what is behind the last window that was begun, as far as there is room. */
  #fill(): void {
    if (this.#last === undefined) return;
    for (let at = this.#queue.indexOf(this.#last) + 1; at < this.#queue.length; at++) {
      const next = this.#queue[at];
      if (next === undefined || !this.#hasRoom(next)) return;
      if (this.#options.isWanted(next)) this.#begin(next);
    }
  }

  #hasRoom(next: PlannedWindow): boolean {
    if (this.#ahead.length === 0) return true;
    const bytes = this.#ahead.reduce((sum, { planned }) => sum + bytesOf(planned), bytesOf(next));
    return this.#ahead.length < MOST_AHEAD && bytes <= MOST_BYTES;
  }
}

/** Of a window's frames, at most. */
function bytesOf({ window: { crop, frames } }: PlannedWindow): number {
  return crop.width * crop.height * 3 * frames;
}
