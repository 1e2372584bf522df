/**
 * The frames of an animated WebP, from the chunks of its file: where each lies on the canvas, how it is put there, how long
 * it is shown, and its bitstream as a still WebP of its own. Pixels are not looked at.
 *
 * Source: the WebP container specification (developers.google.com/speed/webp/docs/riff_container).
 */

import { checkPixels, openOrExplain } from "./info.ts";
import { exifOrientation, type Orientation } from "./picture.ts";
import { FileProblem, type MediaCode } from "./problem.ts";

/** A frame of an animation. */
export interface WebpFrame {
  /** Where it lies on the canvas, in pixels. */
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** Milliseconds from the first frame at which it is shown, and how long. */
  readonly time: number;
  readonly duration: number;
  /** Whether it is blended over what is there; else it takes its place, transparent parts and all. */
  readonly blend: boolean;
  /** Whether its place is cleared once it was shown. */
  readonly clear: boolean;
  /** Whether it may have transparent parts. */
  readonly alpha: boolean;
  /** Its `ALPH`, `VP8 ` or `VP8L` chunks, as they lie in the file. */
  readonly chunks: readonly { readonly at: number; readonly bytes: number }[];
}

/** An animation without its pixels. */
export interface WebpAnimation {
  /** Of the canvas, in pixels. */
  readonly width: number;
  readonly height: number;
  readonly orientation: Orientation;
  readonly frames: readonly WebpFrame[];
  /** Frames whose stated duration is too short to be meant; they get {@linkcode USUAL_MS}. */
  readonly numUntimed: number;
}

/** Durations up to this many milliseconds mean that the writer named none; browsers show such frames for 100 ms. */
export const LEAST_MS = 10;
const USUAL_MS = 100;
/** Pixels of a canvas; two of them are held. Chosen: 4096 x 4096. */
const MAX_CANVAS = 2 ** 24;
/** Chosen: more than half an hour at 30 fps. */
const MAX_FRAMES = 2 ** 16;
/** Bytes of one frame's chunks, no more than its raw pixels could take. */
const MAX_FRAME_BYTES = 2 ** 27;
const MAX_EXIF_BYTES = 2 ** 16;
const ANIMATED = 0x02;
const HAS_ALPHA = 0x10;
const FRAME_HEADER = 16;

/**
 * Reads the chunks of a WebP file.
 * @returns undefined if it is no animation
 * @throws {FileProblem} if it cannot be read, is cut off or damaged, or too large
 */
export function readAnimation(path: string): WebpAnimation | undefined {
  return openOrExplain(path, () => {
    using file = Deno.openSync(path);
    const head = readAt(file, { at: 0, bytes: 30 });
    if (head.byteLength < 30 || fourCc(head, 12) !== "VP8X" || (head.getUint8(20) & ANIMATED) === 0) return undefined;
    return new AnimationReader(path, file).read(head);
  });
}

/** One frame as a still WebP file. @throws errors of the system */
export function stillOf(file: Deno.FsFile, { chunks, width, height, alpha }: WebpFrame): Uint8Array<ArrayBuffer> {
  const extended = chunks.length > 1 ? 18 : 0;
  const bytes = new Uint8Array(12 + extended + chunks.reduce((sum, chunk) => sum + chunk.bytes + (chunk.bytes & 1), 0));
  const view = new DataView(bytes.buffer);
  const write = (text: string, at: number): void => bytes.set(new TextEncoder().encode(text), at);
  write("RIFF", 0);
  view.setUint32(4, bytes.length - 8, true);
  write("WEBP", 8);
  if (extended > 0) {
    write("VP8X", 12);
    view.setUint32(16, 10, true);
    view.setUint8(20, alpha ? HAS_ALPHA : 0);
    view.setUint32(24, width - 1, true); // 24 bits each; the second one overwrites the fourth byte
    view.setUint16(27, (height - 1) & 0xffff, true);
    view.setUint8(29, (height - 1) >> 16);
  }
  let at = 12 + extended;
  for (const chunk of chunks) {
    const body = readAt(file, chunk);
    bytes.set(new Uint8Array(body.buffer, 0, body.byteLength), at);
    at += chunk.bytes + (chunk.bytes & 1);
  }
  return bytes;
}

interface Chunk {
  readonly type: string;
  /** Of its body. */
  readonly at: number;
  readonly length: number;
}

class AnimationReader {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #frames: WebpFrame[] = [];
  #time = 0;
  #numUntimed = 0;
  #orientation: Orientation = 1;

  constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
  }

  read(head: DataView): WebpAnimation {
    const end = 8 + head.getUint32(4, true);
    const size = { width: 1 + uint24(head, 24), height: 1 + uint24(head, 27) };
    checkPixels(this.#path, size, MAX_CANVAS);
    if (this.#file.statSync().size < end) throw this.#problem("truncated", "it is cut off");
    for (const chunk of this.#chunks(12, end)) {
      if (chunk.type === "EXIF") this.#readExif(chunk);
      if (chunk.type === "ANMF") this.#addFrame(chunk, size);
    }
    if (this.#frames.length === 0) throw this.#problem("truncated", "it is an animated WebP without frames");
    return { ...size, orientation: this.#orientation, frames: this.#frames, numUntimed: this.#numUntimed };
  }

  /** Chunks side by side; a last one that reaches beyond the end is damage. */
  *#chunks(from: number, end: number): Generator<Chunk> {
    for (let at = from; at + 8 <= end;) {
      const head = readAt(this.#file, { at, bytes: 8 });
      const length = head.byteLength === 8 ? head.getUint32(4, true) : Infinity;
      if (at + 8 + length > end) throw this.#damage("a chunk is longer than the file");
      yield { type: fourCc(head, 0), at: at + 8, length };
      at += 8 + length + (length & 1);
    }
  }

  #readExif({ at, length }: Chunk): void {
    const exif = readAt(this.#file, { at, bytes: Math.min(length, MAX_EXIF_BYTES) });
    const skip = fourCc(exif, 0) === "Exif" ? Math.min(6, exif.byteLength) : 0;
    this.#orientation = exifOrientation(new DataView(exif.buffer, skip, exif.byteLength - skip));
  }

  #addFrame({ at, length }: Chunk, canvas: { width: number; height: number }): void {
    if (this.#frames.length === MAX_FRAMES) throw this.#problem("too_large", `it has more than ${MAX_FRAMES} frames`);
    if (length < FRAME_HEADER) throw this.#damage("its header is not whole");
    const head = readAt(this.#file, { at, bytes: FRAME_HEADER });
    const place = { left: 2 * uint24(head, 0), top: 2 * uint24(head, 3) };
    const size = { width: 1 + uint24(head, 6), height: 1 + uint24(head, 9) };
    if (place.left + size.width > canvas.width || place.top + size.height > canvas.height) {
      throw this.#damage(`it lies beyond the canvas of ${canvas.width}x${canvas.height}`);
    }
    const stated = uint24(head, 12);
    const duration = stated > LEAST_MS ? stated : USUAL_MS;
    if (stated <= LEAST_MS) this.#numUntimed++;
    const flags = head.getUint8(15);
    this.#frames.push({
      ...place,
      ...size,
      ...this.#picture({ from: at + FRAME_HEADER, end: at + length, ...size }),
      ...{ time: this.#time, duration, blend: (flags & 2) === 0, clear: (flags & 1) !== 0 },
    });
    this.#time += duration;
  }

  /** The chunks of a frame that make its picture, which must have the size that the frame says. */
  #picture(
    { from, end, width, height }: { from: number; end: number; width: number; height: number },
  ): Pick<WebpFrame, "alpha" | "chunks"> {
    let mask: Chunk | undefined;
    for (const chunk of this.#chunks(from, end)) {
      if (chunk.type === "ALPH") mask ??= chunk;
      if (chunk.type !== "VP8 " && chunk.type !== "VP8L") continue;
      const kept = mask !== undefined && chunk.type === "VP8 " ? [mask, chunk] : [chunk];
      if (kept.reduce((sum, one) => sum + one.length, 0) > MAX_FRAME_BYTES) throw this.#damage("it is far too long");
      const own = pictureFacts(chunk.type, readAt(this.#file, { at: chunk.at, bytes: Math.min(chunk.length, 10) }));
      if (own?.width !== width || own.height !== height) throw this.#damage("its picture has not the size it should");
      const chunks = kept.map((one) => ({ at: one.at - 8, bytes: 8 + one.length }));
      return { alpha: own.alpha || kept.length > 1, chunks };
    }
    throw this.#damage("it holds no picture");
  }

  #damage(what: string): FileProblem {
    return this.#problem("corrupt_frames", `it is damaged at frame ${this.#frames.length}: ${what}`);
  }

  #problem(code: MediaCode, fact: string): FileProblem {
    const cure = code === "too_large" ? "cut it into shorter clips" : "replace it with a whole copy or remove it";
    return new FileProblem(this.#path, { attempt: "read", code, fact, cure });
  }
}

/** What a bitstream's own header says; undefined if it is none. */
function pictureFacts(
  type: string,
  head: DataView,
): { width: number; height: number; alpha: boolean } | undefined {
  if (type === "VP8 ") {
    if (head.byteLength < 10 || head.getUint8(3) !== 0x9d || head.getUint16(4) !== 0x012a) return undefined;
    return { width: head.getUint16(6, true) & 0x3fff, height: head.getUint16(8, true) & 0x3fff, alpha: false };
  }
  if (head.byteLength < 5 || head.getUint8(0) !== 0x2f) return undefined;
  const bits = head.getUint32(1, true);
  return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff), alpha: ((bits >>> 28) & 1) === 1 };
}

/** Bytes of a file, fewer where it ends. */
function readAt(file: Deno.FsFile, { at, bytes }: { at: number; bytes: number }): DataView<ArrayBuffer> {
  const buffer = new Uint8Array(bytes);
  file.seekSync(at, Deno.SeekMode.Start);
  let filled = 0;
  while (filled < bytes) {
    const read = file.readSync(buffer.subarray(filled));
    if (read === null) break;
    filled += read;
  }
  return new DataView(buffer.buffer, 0, filled);
}

function fourCc(view: DataView, at: number): string {
  return [0, 1, 2, 3].map((i) => at + i < view.byteLength ? String.fromCharCode(view.getUint8(at + i)) : "").join("");
}

function uint24(view: DataView, at: number): number {
  return view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
}
