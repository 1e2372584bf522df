/** From source frames with their times to output frames at a steady rate. */

import type { Size } from "./crop.ts";
import { TIME_SLACK } from "./times.ts";

/** Which output frames are wanted. */
export interface PickOptions extends Size {
  readonly fps: number;
  readonly numFrames: number;
  readonly start?: number | undefined;
}

/** Chooses output frames by time; holds one frame back, because only the next one shows how long it lasts. */
export class FramePicker {
  readonly #options: PickOptions;
  readonly #pixels: Uint8Array;
  readonly #frameBytes: number;
  readonly #spares: Uint8Array[];
  readonly #sourceTimes: number[] = [];
  #held: { frame: Uint8Array; time: number; index: number } | undefined;
  /** Source frames seen. */
  numSource = 0;
  /** Index of the last source frame that was taken. */
  lastSource = -1;

  constructor(options: PickOptions) {
    this.#options = options;
    this.#frameBytes = options.width * options.height * 3;
    this.#pixels = new Uint8Array(this.#frameBytes * options.numFrames);
    this.#spares = [new Uint8Array(this.#frameBytes), new Uint8Array(this.#frameBytes)];
  }

  get done(): boolean {
    return this.#sourceTimes.length >= this.#options.numFrames;
  }

  /** A buffer for the next source frame. */
  spareFrame(): Uint8Array {
    return this.#spares.find((frame) => frame !== this.#held?.frame) ?? new Uint8Array(this.#frameBytes);
  }

  /** Takes a source frame; the buffer stays in use until the next call. */
  add(frame: Uint8Array, time: number): void {
    if (this.#held !== undefined) this.#emitWhile((wanted) => time > wanted + TIME_SLACK);
    this.#held = { frame, time, index: this.numSource++ };
  }

  /** No more frames come: the last one lasts as long as frames usually do. */
  end(interval: number): void {
    const last = this.#held;
    if (last === undefined) return;
    if (this.numSource === 1) this.#emitWhile((wanted) => wanted <= last.time + Math.max(interval, TIME_SLACK));
    else this.#emitWhile((wanted) => wanted + TIME_SLACK < last.time + interval);
  }

  #emitWhile(stillHeld: (wanted: number) => boolean): void {
    const { fps, start = 0 } = this.#options;
    const held = this.#held;
    while (held !== undefined && !this.done && stillHeld(start + this.#sourceTimes.length / fps)) {
      this.#pixels.set(held.frame, this.#sourceTimes.length * this.#frameBytes);
      this.#sourceTimes.push(held.time);
      this.lastSource = held.index;
    }
  }

  result(): { pixels: Uint8Array; numFrames: number; sourceTimes: readonly number[] } {
    return { pixels: this.#pixels, numFrames: this.#sourceTimes.length, sourceTimes: this.#sourceTimes };
  }
}
