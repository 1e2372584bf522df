/**
 * Animated WebP as a clip. ffmpeg decodes the frames one by one, as stills; here they are put onto the canvas, and go on to
 * ffmpeg as a stream of raw pictures with their times, which is then read as any clip is.
 *
 * Nothing lies below the canvas but black, whatever background the file names, as browsers leave that one out too.
 */

import { INPUT_GUARD, readerArgs } from "./ffprobe.ts";
import { type MediaInfo } from "./info.ts";
import { matroskaFrameHead, matroskaHead } from "./matroska.ts";
import { FileProblem } from "./problem.ts";
import { Child, cleanLine, findPrograms } from "./process.ts";
import { packRuns } from "./timeline.ts";
import type { Ratio } from "./times.ts";
import { readAnimation, stillOf, type WebpAnimation, type WebpFrame } from "./webp.ts";

/** How such a file is told from a still, whose container is named `webp_pipe`. */
const CONTAINER = "webp";
/** Seconds of a tick of WebP's clock. */
const TICK = 1e-3;
const IDLE_SECONDS = 60;
const TO_RGBA = "showinfo=checksum=0,scale=flags=lanczos+accurate_rnd+full_chroma_int+full_chroma_inp,format=rgba";

/** Whether a file is a clip of frames that ffmpeg cannot put together by itself. */
export function isAnimation({ isImage, container }: Pick<MediaInfo, "isImage" | "container">): boolean {
  return !isImage && container === CONTAINER;
}

/** Facts about an animation, in the words used for clips. */
export function animationInfo(path: string, animation: WebpAnimation): MediaInfo {
  const { width, height, orientation, frames, numUntimed } = animation;
  const times = frames.map(({ time }) => time);
  const last = frames.at(-1) ?? { time: 0, duration: 0 };
  const duration = (last.time + last.duration) * TICK;
  const rate = steadyRate([...times, last.time + last.duration]);
  return {
    path,
    isImage: false,
    container: CONTAINER,
    codec: "webp",
    pixelFormat: "rgb24",
    codedWidth: width,
    codedHeight: height,
    width: orientation >= 5 ? height : width,
    height: orientation >= 5 ? width : height,
    orientation,
    fps: frames.length / duration,
    statedRate: rate,
    tick: TICK,
    duration,
    statedDuration: duration,
    timeline: {
      numFrames: frames.length,
      stamped: true,
      tick: TICK,
      ticks: packRuns(times),
      rate,
      keys: packRuns(frames.flatMap((_, index) => standsAlone(animation, index) ? [index] : [])),
      end: duration,
    },
    streamIndex: 0,
    numVideoStreams: 1,
    hasAudio: false,
    hasAlpha: false, // blended over black already
    interlaced: false,
    hdr: false,
    ...(numUntimed > 0 ? { numUntimed } : {}),
  };
}

/**
 * The frames of an animation as a Matroska stream of raw RGB.
 * @param options.from the frame to begin with, one that {@linkcode animationInfo} names as a key frame. Default 0
 * @throws {FileProblem} on the way, when it comes to a frame that cannot be decoded
 */
export async function* animationStream(
  path: string,
  { from = 0, signal }: { from?: number | undefined; signal?: AbortSignal | undefined },
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const animation = readAnimation(path);
  if (animation === undefined) {
    throw new FileProblem(path, {
      attempt: "decode",
      code: "file_changed",
      fact: "it is no animated WebP any more",
      cure: "start again, and leave the files alone meanwhile",
    });
  }
  yield matroskaHead(animation);
  const frames = animation.frames.slice(from);
  const canvas = new Uint8Array(animation.width * animation.height * 3);
  const log = new StillsLog();
  await using child = await Child.start("ffmpeg", await stillsArgs(), {
    stdin: stills(path, frames),
    idleSeconds: IDLE_SECONDS,
    signal,
    onLine: (line) => log.line(line),
  });
  const reader = new ExactReader(child);
  let pixels = new Uint8Array(0); // as long as the largest frame so far
  for (const [index, frame] of frames.entries()) {
    const bytes = frame.width * frame.height * 4;
    if (pixels.length < bytes) pixels = new Uint8Array(bytes);
    const rgba = pixels.subarray(0, bytes);
    if (!await log.isNext(index, child) || !await reader.fill(rgba)) {
      throw damage(path, { frame: from + index, line: log.error });
    }
    putFrame(canvas, { rgba, frame, stride: animation.width * 3 });
    yield matroskaFrameHead({ time: frame.time, bytes: canvas.length });
    yield canvas;
    if (frame.clear) clearPlace(canvas, { frame, stride: animation.width * 3 });
  }
}

/** Stills in a row, each of its own size, as raw RGBA. */
async function stillsArgs(): Promise<string[]> {
  const { release } = await findPrograms();
  const passAll = release[0] > 5 || release[1] >= 1 ? ["-fps_mode", "passthrough"] : ["-vsync", "passthrough"];
  return [
    ...["-nostdin", "-nostats", ...readerArgs("info"), ...INPUT_GUARD, "-f", "webp_pipe", "-i", "pipe:0"],
    ...[
      "-autoscale",
      "0",
      "-vf",
      TO_RGBA,
      ...passAll,
      "-c:v",
      "rawvideo",
      "-pix_fmt",
      "rgba",
      "-f",
      "rawvideo",
      "pipe:1",
    ],
  ];
}

async function* stills(path: string, frames: readonly WebpFrame[]): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  using file = await Deno.open(path);
  for (const frame of frames) yield stillOf(file, frame);
}

/**
 * Puts a frame onto the canvas, which holds colours times opacity: what is seen over black.
 * @param canvas [H, W, 3], changed in place
 * @param options.rgba [h, w, 4], opacity not yet multiplied in
 */
function putFrame(
  canvas: Uint8Array,
  { rgba, frame, stride }: { rgba: Uint8Array; frame: WebpFrame; stride: number },
): void {
  const { left, top, width, height, blend } = frame;
  let from = 0;
  for (let y = top; y < top + height; y++) {
    let to = y * stride + left * 3;
    for (let x = 0; x < width; x++, from += 4, to += 3) {
      const alpha = frame.alpha ? rgba[from + 3] ?? 0 : 255;
      const below = blend ? 255 - alpha : 0;
      for (let c = 0; c < 3; c++) {
        canvas[to + c] = ((rgba[from + c] ?? 0) * alpha + (canvas[to + c] ?? 0) * below + 127) / 255;
      }
    }
  }
}

function clearPlace(canvas: Uint8Array, { frame, stride }: { frame: WebpFrame; stride: number }): void {
  const { left, top, width, height } = frame;
  for (let y = top; y < top + height; y++) canvas.fill(0, y * stride + left * 3, y * stride + (left + width) * 3);
}

/** Whether nothing of the frames before is seen in a frame. */
function standsAlone({ width, height, frames }: WebpAnimation, index: number): boolean {
  const whole = (frame: WebpFrame | undefined): boolean => frame?.width === width && frame.height === height;
  const frame = frames[index];
  const before = frames[index - 1];
  if (before === undefined || (before.clear && whole(before))) return true;
  return whole(frame) && frame !== undefined && (!frame.blend || !frame.alpha);
}

/**
 * The whole or broadcast rate whose frames were rounded to these milliseconds, so that times can be put back onto its grid;
 * undefined if there is none.
 * @param times of the frames, and the end of the last one
 */
function steadyRate(times: readonly number[]): Ratio | undefined {
  const numFrames = times.length - 1;
  const average = numFrames * 1000 / (times.at(-1) ?? Infinity);
  const near = [Math.floor(average), Math.ceil(average)].filter((fps) => fps > 0);
  const rates = [...near.map((num) => ({ num, den: 1 })), ...near.map((fps) => ({ num: fps * 1000, den: 1001 }))];
  return rates.find(({ num, den }) => times.every((time, at) => Math.abs(time - at * 1000 * den / num) <= 1));
}

function damage(path: string, { frame, line }: { frame: number; line: string | undefined }): FileProblem {
  return new FileProblem(path, {
    attempt: "decode",
    code: "corrupt_frames",
    fact: `it is damaged at frame ${frame}${line === undefined ? "" : ` (${line})`}`,
    cure: "replace it with a whole copy, re-encode it, or remove it",
  });
}

/** Reads ffmpeg's log while it decodes stills: a damaged one is left out, and those after it keep their numbers. */
class StillsLog {
  readonly #numbers: number[] = [];
  /** The first complaint. */
  error: string | undefined;
  #wake: () => void = () => {};

  line(line: string): void {
    const shown = /Parsed_showinfo.* n: *(\d+) pts: *(\S+) /.exec(line);
    if (shown !== null) this.#numbers.push(Number(shown[2]));
    else if (/\[(error|fatal)\]/.test(line)) this.error ??= cleanLine(line);
    this.#wake();
  }

  /** Whether the frame that comes next is this one; waits for its line. */
  async isNext(index: number, child: Child): Promise<boolean> {
    while (this.#numbers.length <= index) {
      const woken = new Promise<false>((resolve) => this.#wake = () => resolve(false));
      const ended = await Promise.race([woken, child.result().then(() => true)]);
      if (ended && this.#numbers.length <= index) return false;
    }
    return this.#numbers[index] === index;
  }
}

/** Reads a child's output in pieces of one's own size. */
class ExactReader {
  readonly #child: Child;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(child: Child) {
    this.#child = child;
  }

  /** Fills a buffer; false if the output ends before. */
  async fill(buffer: Uint8Array): Promise<boolean> {
    for (let filled = 0; filled < buffer.length;) {
      if (this.#rest.length === 0) {
        const piece = await this.#child.read();
        if (piece === undefined) return false;
        this.#rest = piece;
      }
      const take = Math.min(this.#rest.length, buffer.length - filled);
      buffer.set(this.#rest.subarray(0, take), filled);
      this.#rest = this.#rest.subarray(take);
      filled += take;
    }
    return true;
  }
}
