/**
 * Frames by their timestamps, without decoding what lies before: ffmpeg begins at a key frame and passes on only the frames
 * that are wanted, each told from the others by its time in the file. Nothing is taken on trust: where ffmpeg does not begin
 * with a key frame, says that something is wrong, or does not show a wanted frame, there is no result, and the file is to be
 * decoded from its start.
 */

import { isAnimation } from "./animation.ts";
import { decodeArgs } from "./decode.ts";
import { DAMAGE } from "./decode_log.ts";
import { pictureFilters, type PictureOptions } from "./filters.ts";
import type { MediaInfo } from "./info.ts";
import { MemoryFile } from "./memory_file.ts";
import { Child } from "./process.ts";
import { frameTimes, type Timeline, unpackRuns } from "./timeline.ts";
import { chooseFrames, countFrames } from "./times.ts";

/** Which frames are wanted. */
export interface SeekOptions extends PictureOptions {
  readonly fps: number;
  readonly numFrames: number;
  readonly start?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Frames that the deinterlacer looks at before the one that it makes. */
const FIELDS_BEFORE = 2;
const IDLE_SECONDS = 60;
/** Chosen: far below what the pipe holds, about 200 frames' lines; reading each as it comes costs 30 ms of processor time a window. */
const LINES_EVERY_MS = 20;
/** References of frames that open groups of pictures have before their key frame; those frames are not shown. */
const HARMLESS = /mmco: unref short failure/;

/** Frames in memory that ffmpeg has written, until they are disposed of. */
export interface SoughtFrames extends Disposable {
  /** [F, H, W, 3] */
  readonly pixels: Uint8Array;
  /** The time of each frame's source. */
  readonly sourceTimes: number[];
}

/**
 * Decodes the chosen frames of a clip whose time line is known. Nobody has to listen meanwhile: ffmpeg goes on while an
 * encoder blocks this thread.
 * @returns undefined if that did not work out
 * @throws {DataError} as a child does
 */
export async function seekFrames(info: MediaInfo, options: SeekOptions): Promise<SoughtFrames | undefined> {
  const { timeline } = info;
  const { fps, numFrames, start = 0, width, height, signal } = options;
  if (timeline === undefined || !timeline.stamped || info.isImage) return undefined;
  if (countFrames(timeline.end, { fps, start }) < numFrames) return undefined; // to be told by the way from the start
  const times = frameTimes(timeline);
  const chosen = chooseFrames(times, { fps, numFrames, start });
  const wanted = [...new Set(chosen)];
  const stamps = stampsOf(timeline);
  const key = keyBefore(timeline, (wanted[0] ?? 0) - (info.interlaced ? FIELDS_BEFORE : 0));
  const log = new SeekLog({ stamps: wanted.map((index) => stamps[index] ?? 0), tick: timeline.tick, sought: key > 0 });
  using owned = new DisposableStack();
  const file = owned.use(new MemoryFile());
  const { args, stdin } = await decodeArgs(info, {
    from: key,
    input: key === 0 || isAnimation(info) ? ["-copyts"] : seekTo((stamps[key] ?? 0) + timeline.tick / 4),
    filters: pictureFilters(info, options, log.select),
    pixelFormat: "rgb24",
    most: wanted.length, // else it would decode on unseen, as nothing more passes
    to: file.path,
    signal,
  });
  await using child = await Child.start("ffmpeg", args, {
    stdin,
    idleSeconds: IDLE_SECONDS,
    signal,
    onLine: (line) => log.line(line),
    linesEveryMs: LINES_EVERY_MS,
  });
  await child.end();
  const frameBytes = width * height * 3;
  if (!log.isRight || file.size !== frameBytes * wanted.length) return undefined;
  const pixels = file.map(frameBytes * numFrames);
  spreadFrames(pixels, { places: placesOf(chosen), frameBytes });
  const memory = owned.move();
  const sourceTimes = chosen.map((index) => times[index] ?? 0);
  return { pixels, sourceTimes, [Symbol.dispose]: () => memory.dispose() };
}

function seekTo(seconds: number): string[] {
  // the file's own clock, every frame from the key frame on
  return ["-copyts", "-seek_timestamp", "1", "-noaccurate_seek", "-ss", seconds.toFixed(6)];
}

/** When each frame is shown, in seconds of the file's own clock. */
function stampsOf({ ticks, tick }: Timeline): number[] {
  return unpackRuns(ticks).map((value) => value * tick);
}

/** The last frame up to this one that the container marks as decodable by itself; 0 if none is. */
function keyBefore({ keys }: Timeline, index: number): number {
  return unpackRuns(keys).findLast((key) => key <= index) ?? 0;
}

/** For each output frame, which of the frames that are wanted it shows; these are the chosen ones, each once. */
function placesOf(chosen: readonly number[]): number[] {
  let place = -1;
  return chosen.map((index, k) => index === chosen[k - 1] ? place : ++place);
}

/** Moves frames that lie one after the other to where they are shown: the last one first, so that none is lost. */
function spreadFrames(
  pixels: Uint8Array,
  { places, frameBytes }: { places: readonly number[]; frameBytes: number },
): void {
  for (const [k, place] of [...places.entries()].reverse()) {
    if (place !== k) pixels.copyWithin(k * frameBytes, place * frameBytes, (place + 1) * frameBytes);
  }
}

/** Reads what ffmpeg tells about each decoded frame, and whether exactly the wanted ones pass. */
class SeekLog {
  readonly #stamps: readonly number[];
  readonly #slack: number;
  #tick: number;
  /** Whether a key frame was shown; nothing before it may be taken. */
  #begun: boolean;
  #size: string | undefined;
  #next = 0;
  #wrong = false;

  /** @param options.stamps of the wanted frames, ascending, in seconds of the file's own clock */
  constructor({ stamps, tick, sought }: { stamps: readonly number[]; tick: number; sought: boolean }) {
    this.#stamps = stamps;
    this.#tick = tick;
    this.#slack = Math.max(tick / 4, 1e-7);
    this.#begun = !sought;
  }

  /** The expression of the `select` filter that lets the wanted frames pass. */
  get select(): string {
    const around = (stamp: number, by: number): string => (stamp + by * this.#slack).toFixed(9);
    return this.#stamps.map((stamp) => `between(t,${around(stamp, -1)},${around(stamp, 1)})`).join("+");
  }

  line(line: string): void {
    if (this.#next === this.#stamps.length) return; // what is behind the last wanted frame does not matter
    const config = /config in time_base: (\d+)\/(\d+)/.exec(line);
    if (config !== null) this.#tick = Number(config[1]) / Number(config[2]);
    const frame = /Parsed_showinfo.* n: *\d+ pts: *(\S+) .* s:(\d+x\d+) .*iskey:(\d) type:(\S)/.exec(line);
    if (frame !== null) this.#frame(frame);
    else if (DAMAGE.test(line)) this.#wrong = true;
    else if (this.#begun && /\[(error|fatal)\]/.test(line) && !HARMLESS.test(line)) this.#wrong = true;
  }

  #frame([, pts, size, isKey, type]: RegExpExecArray): void {
    if (isKey === "1" && type !== "P" && type !== "B") this.#begun = true;
    if (this.#size !== undefined && this.#size !== size) this.#wrong = true;
    this.#size = size;
    const at = this.#next;
    if (this.#shows(Number(pts), at)) {
      this.#next++;
      if (!this.#begun) this.#wrong = true;
    } else if (this.#shows(Number(pts), at - 1)) this.#wrong = true; // the same time again
  }

  #shows(pts: number, index: number): boolean {
    const stamp = this.#stamps[index];
    return stamp !== undefined && Math.abs(pts * this.#tick - stamp) <= this.#slack;
  }

  /** Whether all went as it should, once ffmpeg has ended. */
  get isRight(): boolean {
    return !this.#wrong && this.#next === this.#stamps.length;
  }
}
