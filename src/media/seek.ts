/**
 * Frames by their timestamps, without decoding what lies before: ffmpeg begins at a key frame and passes on only the frames
 * that are wanted, each told from the others by its time in the file. Nothing is taken on trust: where ffmpeg does not begin
 * with a key frame, says that something is wrong, or does not show a wanted frame, there is no result, and the file is to be
 * decoded from its start.
 */

import { isAnimation } from "./animation.ts";
import { decodeArgs, readFixedFrames } from "./decode.ts";
import { DAMAGE } from "./decode_log.ts";
import { pictureFilters, type PictureOptions } from "./filters.ts";
import type { MediaInfo } from "./info.ts";
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
/** References of frames that open groups of pictures have before their key frame; those frames are not shown. */
const HARMLESS = /mmco: unref short failure/;

/**
 * Decodes the chosen frames of a clip whose time line is known.
 * @returns [F, H, W, 3] and the time of each frame's source, or undefined if that did not work out
 * @throws {DataError} as a child does
 */
export async function seekFrames(
  info: MediaInfo,
  options: SeekOptions,
): Promise<{ pixels: Uint8Array; sourceTimes: number[] } | undefined> {
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
  const { args, stdin } = await decodeArgs(info, {
    from: key,
    input: key === 0 || isAnimation(info) ? ["-copyts"] : seekTo((stamps[key] ?? 0) + timeline.tick / 4),
    filters: pictureFilters(info, options, log.select),
    pixelFormat: "rgb24",
    most: wanted.length, // else it would decode on unseen, as nothing more passes
    ahead: { width, height },
    signal,
  });
  const frameBytes = width * height * 3;
  const pixels = new Uint8Array(frameBytes * numFrames);
  const places = placesOf(chosen, wanted);
  let received = 0;
  await using child = await Child.start("ffmpeg", args, {
    stdin,
    idleSeconds: IDLE_SECONDS,
    signal,
    onLine: (line) => log.line(line),
  });
  await readFixedFrames(child, {
    next: () => {
      const at = places[received] ?? 0;
      return pixels.subarray(at * frameBytes, (at + 1) * frameBytes);
    },
    take: () => ++received < wanted.length,
  });
  signal?.throwIfAborted();
  if (received < wanted.length || !await log.isRight(child)) return undefined;
  repeatFrames(pixels, { chosen, places, frameBytes });
  return { pixels, sourceTimes: chosen.map((index) => times[index] ?? 0) };
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

/** The first output frame that shows each of the wanted ones. */
function placesOf(chosen: readonly number[], wanted: readonly number[]): number[] {
  let at = 0;
  return wanted.map((index) => {
    while (chosen[at] !== index) at++;
    return at;
  });
}

/** Fills the output frames that show the same as the one before them. */
function repeatFrames(
  pixels: Uint8Array,
  { chosen, places, frameBytes }: { chosen: readonly number[]; places: readonly number[]; frameBytes: number },
): void {
  const filled = new Set(places);
  chosen.forEach((_, k) => {
    if (!filled.has(k)) pixels.copyWithin(k * frameBytes, (k - 1) * frameBytes, k * frameBytes);
  });
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
  #wake: () => void = () => {};

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
    const config = /config in time_base: (\d+)\/(\d+)/.exec(line);
    if (config !== null) this.#tick = Number(config[1]) / Number(config[2]);
    const frame = /Parsed_showinfo.* n: *\d+ pts: *(\S+) .* s:(\d+x\d+) .*iskey:(\d) type:(\S)/.exec(line);
    if (frame !== null) this.#frame(frame);
    else if (DAMAGE.test(line)) this.#wrong = true;
    else if (this.#begun && /\[(error|fatal)\]/.test(line) && !HARMLESS.test(line)) this.#wrong = true;
    this.#wake();
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

  /** Whether all went as it should; waits for lines that are still on the way. */
  async isRight(child: Child): Promise<boolean> {
    while (!this.#wrong && this.#next < this.#stamps.length) {
      const woken = new Promise<false>((resolve) => this.#wake = () => resolve(false));
      const ended = await Promise.race([woken, child.result().then(() => true)]);
      if (ended) break;
    }
    return !this.#wrong && this.#next === this.#stamps.length;
  }
}
