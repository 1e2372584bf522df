/** A glance at a file: a few of its frames, very small, for telling what is alike, black or frozen. */

import { FileProblem, type MediaInfo, readFrames } from "../media/mod.ts";
import { pictureHash } from "./picture_hash.ts";

/** What a few small frames show. */
export interface Glance {
  /** A hash for each frame, 16 hex digits; none for a frame without content. */
  readonly hashes: readonly (string | null)[];
  /** Brightness of the brightest spot, of 255. */
  readonly brightest: number;
  /** Largest change of brightness of one spot from the first frame on, of 255; 0 for a still. */
  readonly moved: number;
}

/** Side of the picture that is looked at; a spot of it is a mean of many pixels, so that noise of compression is gone. */
const SIDE = 32;
const NUM_FRAMES = 5;
/** A shorter clip is read in one go; in a longer one each frame is sought, so that its length costs nothing. */
const ONE_GO_SECONDS = 8;
const WHOLE = {
  ...{ width: SIDE, height: SIDE },
  crop: { scaledWidth: SIDE, scaledHeight: SIDE, left: 0, top: 0, width: SIDE, height: SIDE },
};

/** Looks at the middles of five equal parts of a clip, or at a still; undefined if it cannot be decoded there. */
export async function glanceAt(info: MediaInfo, signal: AbortSignal | undefined): Promise<Glance | undefined> {
  try {
    const frames = await smallFrames(info, signal);
    const brightest = frames.reduce((most, luma) => luma.reduce((a, b) => Math.max(a, b), most), 0);
    const moved = frames.reduce((most, luma) => Math.max(most, largestChange(frames[0] ?? luma, luma)), 0);
    const hashes = frames.map((luma) => pictureHash(luma, SIDE));
    return { hashes, brightest: Math.round(brightest), moved: Math.round(moved) };
  } catch (error) {
    if (error instanceof FileProblem) return undefined; // told when its frames are wanted
    throw error;
  }
}

/** Brightness [SIDE * SIDE] of each frame that is looked at. */
async function smallFrames(info: MediaInfo, signal: AbortSignal | undefined): Promise<Float32Array[]> {
  if (info.isImage) return [lumaOf((await readFrames(info, { ...WHOLE, fps: 1, numFrames: 1, signal })).pixels, 0)];
  const step = info.duration / NUM_FRAMES;
  const numbers = Array.from({ length: NUM_FRAMES }, (_, k) => k);
  if (info.duration <= ONE_GO_SECONDS) {
    const all = { fps: 1 / step, numFrames: NUM_FRAMES, start: step / 2, signal };
    const { pixels } = await readFrames(info, { ...WHOLE, ...all });
    return numbers.map((k) => lumaOf(pixels, k));
  }
  const frames: Float32Array[] = [];
  for (const k of numbers) {
    const one = { fps: info.fps || 24, numFrames: 1, start: (k + 0.5) * step, signal };
    frames.push(lumaOf((await readFrames(info, { ...WHOLE, ...one })).pixels, 0));
  }
  return frames;
}

/** Brightness [SIDE * SIDE] of a frame. Source: ITU-R BT.709, on values as they are stored. */
function lumaOf(pixels: Uint8Array, frame: number): Float32Array {
  const from = frame * SIDE * SIDE * 3;
  return Float32Array.from({ length: SIDE * SIDE }, (_, at) => {
    const [red = 0, green = 0, blue = 0] = pixels.subarray(from + 3 * at, from + 3 * at + 3);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  });
}

function largestChange(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, at) => Math.max(most, Math.abs(value - (b[at] ?? 0))), 0);
}
