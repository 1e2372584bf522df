/** Reads ffmpeg's log while it decodes: the time of each frame, its size, and signs of damage. */

import { messageOf } from "../base/mod.ts";
import type { MediaInfo } from "./info.ts";
import { FileProblem, type MediaCode } from "./problem.ts";
import { type Child, cleanLine, lastUsefulLine } from "./process.ts";
import { frameTimes } from "./timeline.ts";
import { snapTime } from "./times.ts";

/** What ffmpeg says when a frame is damaged and it carries on with a patched one. */
export const DAMAGE =
  /corrupt decoded frame|Error while decoding stream|Error submitting packet to decoder|Decoding error|decode_slice|error while decoding MB/;
const STILL_DAMAGE = /\[(error|fatal)\]|EOI missing|overread|[Tt]runcat/;

/** A file that cannot be decoded. */
export function decodeProblem(
  info: MediaInfo,
  what: { fact: string; code?: MediaCode; cure?: string; cause?: unknown },
): FileProblem {
  return new FileProblem(info.path, {
    attempt: "decode",
    code: info.isImage ? "corrupt_image" : "corrupt_frames",
    ...what,
  });
}

/** What goes wrong with a child that decodes a file is a problem of the file. */
export async function asDecodeProblem<T>(info: MediaInfo, decode: () => Promise<T>): Promise<T> {
  try {
    return await decode();
  } catch (error) {
    if (error instanceof FileProblem || !(error instanceof Error) || error.name !== "DataError") throw error;
    throw decodeProblem(info, { fact: messageOf(error), cause: error });
  }
}

/** Lines go in as they come; times come out by the number of the frame. */
export class DecodeLog {
  readonly #info: MediaInfo;
  readonly #times: number[] = [];
  readonly #damage: { atFrame: number; line: string }[] = [];
  #tick: number;
  #first: number | undefined;
  #shift = 0;
  #size: string | undefined;
  #wake: () => void = () => {};

  constructor(info: MediaInfo) {
    this.#info = info;
    this.#tick = info.tick;
  }

  /** Seconds that the last frame is taken to last. */
  get nominalInterval(): number {
    const { timeline, duration, fps } = this.#info;
    const last = timeline === undefined ? undefined : frameTimes(timeline).at(-1);
    if (last !== undefined && duration > last) return duration - last;
    return fps > 0 ? 1 / fps : 1 / 25;
  }

  line(line: string): void {
    const config = /config in time_base: (\d+)\/(\d+)/.exec(line);
    if (config !== null) this.#tick = Number(config[1]) / Number(config[2]);
    const frame = /Parsed_showinfo.* n: *\d+ pts: *(\S+) .* s:(\d+x\d+) /.exec(line);
    if (frame !== null) this.#frame(Number(frame[1]), frame[2] ?? "");
    else if ((this.#info.isImage ? STILL_DAMAGE : DAMAGE).test(line)) {
      this.#damage.push({ atFrame: this.#times.length, line: cleanLine(line) });
    }
    this.#wake();
  }

  #frame(pts: number, size: string): void {
    if (this.#size !== undefined && this.#size !== size) {
      const line = `the picture's size changes from ${this.#size} to ${size}`;
      this.#damage.push({ atFrame: this.#times.length, line });
    }
    this.#size = size;
    const previous = this.#times.at(-1);
    const interval = this.#info.fps > 0 ? 1 / this.#info.fps : 1 / 25;
    if (Number.isNaN(pts)) { // no timestamp: one frame after the last one
      this.#times.push(previous === undefined ? 0 : previous + interval);
      return;
    }
    this.#first ??= pts * this.#tick - (previous === undefined ? 0 : previous + interval);
    const rate = this.#info.statedRate;
    let time = snapTime(pts * this.#tick - this.#first, { tick: this.#info.tick, rate }) + this.#shift;
    if (previous !== undefined && time <= previous) { // the clock was set back: carry on from the last frame
      this.#shift += previous + interval - time;
      time = previous + interval;
    }
    this.#times.push(time);
  }

  /** The time of a frame whose pixels have arrived; its line may still be on the way. */
  async timeOf(index: number, child: Child): Promise<number | undefined> {
    while (this.#times.length <= index) {
      const woken = new Promise<false>((resolve) => this.#wake = () => resolve(false));
      const ended = await Promise.race([woken, child.result().then(() => true)]);
      if (ended && this.#times.length <= index) return undefined;
    }
    return this.#times[index];
  }

  throwIfDamaged(lastSource: number): void {
    const first = this.#damage.find(({ atFrame }) => atFrame <= lastSource || this.#info.isImage);
    if (first === undefined) return;
    const place = this.#info.isImage ? "the picture is damaged or cut off" : `it is damaged at frame ${first.atFrame}`;
    const cure = "replace it with a whole copy, re-encode it, or remove it";
    if (first.line.startsWith("the picture's size")) {
      throw decodeProblem(this.#info, { code: "size_change", fact: first.line, cure });
    }
    throw decodeProblem(this.#info, { fact: `${place} (${first.line})`, cure });
  }

  noFrame(lines: readonly string[]): { fact: string; cure: string } {
    return {
      fact: `no frame could be decoded (${this.#damage[0]?.line ?? lastUsefulLine(lines)})`,
      cure: "replace it with a whole copy or remove it",
    };
  }
}
