/**
 * Where a clip cuts from one shot to the next, and where it is black: found in one pass over small grey pictures.
 *
 * A frame's score is its mean difference from the frame before (of 255) times the difference of their histograms (0 to 1).
 * It begins a shot if the score is high, or if it is lower but the difference stands out from those around it; not if the
 * picture from before comes back within two frames, as after a flash. Dissolves are not found.
 */

import { decodeArgs, readFixedFrames } from "./decode.ts";
import { asDecodeProblem, DecodeLog, decodeProblem } from "./decode_log.ts";
import type { MediaInfo } from "./info.ts";
import { Child } from "./process.ts";

/** The borders of shots, in seconds from the first frame. */
export interface SceneFacts {
  /** First frames of new shots, ascending. */
  readonly cuts: readonly number[];
  /** Stretches of two and more black frames: the first of them, and the first frame after them. */
  readonly black: readonly (readonly [start: number, end: number])[];
}

const WIDTH = 48;
const HEIGHT = 27;
const BINS = 32;
/**
 * Least scores. Measured: within the 13 sample clips at most 7.6, and at most 2.7 where the difference stands out; at the
 * 156 cuts that joining two of them gives at least 8.07, or 2.82 where it stands out.
 */
const HIGH = 8;
const LOW = 2.7;
/** A difference stands out if it is this many times the second largest around it, plus one. Chosen. */
const OUTSTANDING = 2.5;
/** Frames before and after that count as around. Chosen. */
const AROUND = 6;
/** A picture comes back if it differs by less than this share of the jump. Chosen. */
const BACK = 1 / 3;
/** Brightest value of black, of 255. Chosen. */
const BLACK = 24;
const IDLE_SECONDS = 60;

/**
 * Finds cuts and black stretches; what cannot be decoded is passed over.
 * @throws {FileProblem} if no frame can be decoded
 */
export async function findCuts(
  info: MediaInfo,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<SceneFacts> {
  const log = new DecodeLog(info);
  const changes = new Changes();
  const times: number[] = [];
  const { args, stdin } = await decodeArgs(info, {
    input: ["-skip_loop_filter", "all"], // small pictures do not show it
    filters: ["showinfo=checksum=0", `scale=${WIDTH}:${HEIGHT}:flags=area`, "format=gray"],
    pixelFormat: "gray",
    signal,
  });
  const onLine = (line: string): void => log.line(line);
  const { lines } = await asDecodeProblem(info, async () => {
    await using child = await Child.start("ffmpeg", args, { stdin, idleSeconds: IDLE_SECONDS, signal, onLine });
    await readFixedFrames(child, {
      next: () => new Uint8Array(WIDTH * HEIGHT),
      take: async (frame) => {
        const time = await log.timeOf(times.length, child);
        if (time === undefined) return false;
        times.push(time);
        changes.add(frame);
        return true;
      },
    });
    return await child.result();
  });
  if (times.length === 0) throw decodeProblem(info, log.noFrame(lines));
  const timeOf = (frame: number): number => times[frame] ?? info.duration;
  return {
    cuts: changes.cuts().map(timeOf),
    black: changes.black().map(([start, end]) => [timeOf(start), timeOf(end)]),
  };
}

/** How each frame differs from those before it; keeps numbers, not pictures. */
class Changes {
  /** The last three frames, the latest first. */
  readonly #before: { readonly frame: Uint8Array; readonly histogram: Float64Array }[] = [];
  readonly #jump: number[] = [];
  readonly #score: number[] = [];
  /** Differences from the frame two and three before. */
  readonly #fromSecond: number[] = [];
  readonly #fromThird: number[] = [];
  readonly #isBlack: boolean[] = [];

  add(frame: Uint8Array): void {
    const histogram = histogramOf(frame);
    const [first, second, third] = this.#before;
    const jump = first === undefined ? 0 : meanDifference(frame, first.frame);
    this.#jump.push(jump);
    this.#score.push(first === undefined ? 0 : jump * overlapLost(histogram, first.histogram));
    this.#fromSecond.push(second === undefined ? Infinity : meanDifference(frame, second.frame));
    this.#fromThird.push(third === undefined ? Infinity : meanDifference(frame, third.frame));
    this.#isBlack.push(frame.every((value) => value < BLACK));
    this.#before.unshift({ frame, histogram });
    this.#before.length = Math.min(this.#before.length, 3);
  }

  cuts(): number[] {
    return this.#score.flatMap((score, at) =>
      (score >= HIGH || (score >= LOW && this.#standsOut(at))) && !this.#isFlash(at) ? [at] : []
    );
  }

  black(): [number, number][] {
    const stretches: [number, number][] = [];
    this.#isBlack.forEach((black, at) => {
      const last = stretches.at(-1);
      if (black && last?.[1] === at) last[1] = at + 1;
      else if (black) stretches.push([at, at + 1]);
    });
    return stretches.filter(([start, end]) => end - start > 1);
  }

  #standsOut(at: number): boolean {
    const around = this.#jump.slice(Math.max(1, at - AROUND), at + AROUND + 1);
    around.splice(at - Math.max(1, at - AROUND), 1);
    const second = around.sort((a, b) => b - a)[1] ?? 0;
    return (this.#jump[at] ?? 0) >= OUTSTANDING * (second + 1);
  }

  /** Whether the picture from before the jump is there again soon, or this jump leads back to it. */
  #isFlash(at: number): boolean {
    const back = BACK * (this.#jump[at] ?? 0);
    const returns = [this.#fromSecond[at + 1], this.#fromThird[at + 2], this.#fromSecond[at], this.#fromThird[at]];
    return returns.some((difference) => (difference ?? Infinity) < back);
  }
}

function histogramOf(frame: Uint8Array): Float64Array {
  const histogram = new Float64Array(BINS);
  for (const value of frame) {
    const bin = value >> 3;
    histogram[bin] = (histogram[bin] ?? 0) + 1 / frame.length;
  }
  return histogram;
}

/** The share of the pixels that would have to change to make one histogram the other. */
function overlapLost(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, share, bin) => sum + Math.abs(share - (b[bin] ?? 0)), 0) / 2;
}

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += Math.abs((a[at] ?? 0) - (b[at] ?? 0));
  return sum / a.length;
}
