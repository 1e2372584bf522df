/** Pictures of the frames that will be used: beginning, middle and end of a file's first window, uncut. */
import { Buffer } from "node:buffer";
import { DataError } from "../../base/mod.ts";
import type { PlannedFile } from "../../data/mod.ts";
import { jpegStrip, readFrames } from "../../media/mod.ts";

/** The pictures of a file, or why there are none. */
export type Pictures = { readonly dataUrl: string; readonly count: number } | { readonly problem: string };

/** Height of a picture in pixels. */
const HEIGHT = 120;
/** Files that are decoded at the same time. */
const AT_ONCE = 2;

/** Takes the pictures of some files, by path. A file that cannot be decoded has the reason instead. */
export async function takePictures(
  files: readonly PlannedFile[],
  options: { signal: AbortSignal; tell: (done: number, total: number) => void },
): Promise<Map<string, Pictures>> {
  const pictures = new Map<string, Pictures>();
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let file = files[next++]; file !== undefined; file = files[next++]) {
      options.signal.throwIfAborted();
      const taken = await picturesOf(file, options.signal);
      if (taken !== undefined) pictures.set(file.file.path, taken);
      options.tell(pictures.size, files.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return pictures;
}

async function picturesOf({ info, plan }: PlannedFile, signal: AbortSignal): Promise<Pictures | undefined> {
  const window = plan.items[0]?.variants[0];
  if (window === undefined) return undefined;
  const width = Math.max(2, Math.round(HEIGHT * info.width / info.height));
  const crop = { scaledWidth: width, scaledHeight: HEIGHT, left: 0, top: 0, width, height: HEIGHT };
  const count = Math.min(3, window.frames);
  const apart = count === 1 ? 1 : (window.frames - 1) / (count - 1) * window.speed / window.fps; // seconds
  try {
    const frames = await readFrames(info, {
      ...{ width, height: HEIGHT, crop, signal },
      ...{ start: window.start, numFrames: count, fps: 1 / apart },
    });
    const jpeg = await jpegStrip(frames, { signal });
    return { dataUrl: `data:image/jpeg;base64,${Buffer.from(jpeg).toString("base64")}`, count };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return { problem: error.message };
  }
}
