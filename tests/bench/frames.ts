/** The data path from a file to the tensor an encoder gets, against ffmpeg alone making the same raw frames. */
import { join } from "node:path";
import { framesToTensor } from "../../src/data/mod.ts";
import { coverCrop, probe, readFrames } from "../../src/media/mod.ts";
import { ffmpeg } from "../support/media.ts";
import { compare, type Compared } from "./measure.ts";

/** One comparison: seconds for one window. */
export interface FrameBench {
  readonly name: string;
  readonly compared: Compared;
  /** Whether it is decoding to raw frames alone on both sides, which the limit is about. */
  readonly alike: boolean;
}

const SOURCE = { width: 1920, height: 1080 };
const SIZE = { width: 832, height: 480 };
const MINUTES = 30;
const LOOP_SECONDS = 10;

/** Makes a 1080p clip of ten seconds, a key frame every two, and by repeating it one of half an hour. */
export function makeLongClip(folder: string): { short: string; long: string } {
  const [short, long] = [join(folder, "short.mp4"), join(folder, "long.mp4")];
  const source = `testsrc2=s=${SOURCE.width}x${SOURCE.height}:r=24:d=${LOOP_SECONDS}`;
  ffmpeg(
    "-f",
    "lavfi",
    "-i",
    source,
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-crf",
    "40",
    "-g",
    "48",
    "-pix_fmt",
    "yuv420p",
    short,
  );
  ffmpeg("-stream_loop", String(MINUTES * 60 / LOOP_SECONDS - 1), "-i", short, "-c", "copy", long);
  return { short, long };
}

/**
 * Windows of 81 frames at 16 fps as raw frames: the first of a short file, one somewhere in a long file, both known; then
 * from an unknown file to the tensor that an encoder gets, which ffmpeg's side knows nothing of.
 * @param options.cpuTime compares processor time of this process and its children, which other programs disturb less
 */
export async function benchFrames(
  rounds: number,
  { folder, cpuTime }: { folder: string; cpuTime: boolean },
): Promise<FrameBench[]> {
  const seconds = cpuTime ? cpuSeconds : wallSeconds;
  const { short, long } = makeLongClip(folder);
  const [knownShort, knownLong] = [await probe(short), await probe(long)];
  const wanted = { ...SIZE, fps: 16, numFrames: 81 };
  const late = MINUTES * 60 * 0.7;
  const benches = [
    {
      name: "1080p clip to raw frames",
      alike: true,
      start: 0,
      path: short,
      ours: () => readFrames(knownShort, wanted),
    },
    {
      ...{ name: "raw frames late in 30 minutes", alike: true, start: late, path: long },
      ours: () => readFrames(knownLong, { ...wanted, start: late }),
    },
    {
      ...{ name: "1080p clip, probed, to tensor", alike: false, start: 0, path: short },
      ours: async () => framesToTensor(await readFrames(await probe(short), wanted))[Symbol.dispose](),
    },
  ];
  const results: FrameBench[] = [];
  for (const { name, alike, start, path, ours } of benches) {
    const compared = await compare(rounds, {
      ours: () => seconds(ours),
      theirs: () => seconds(() => ffmpegAlone(path, { start })),
    });
    results.push({ name, compared, alike });
  }
  return results;
}

/** The same frames, thrown away. */
async function ffmpegAlone(path: string, { start }: { start: number }): Promise<void> {
  const { scaledWidth, scaledHeight, left, top } = coverCrop(SOURCE, SIZE);
  const scale = `scale=${scaledWidth}:${scaledHeight}:flags=lanczos+accurate_rnd+full_chroma_int+full_chroma_inp`;
  const filters = `fps=16,${scale},format=rgb24,crop=${SIZE.width}:${SIZE.height}:${left}:${top}`;
  const seek = start === 0 ? [] : ["-ss", String(start)];
  const { success } = await new Deno.Command("ffmpeg", {
    args: [
      "-nostdin",
      "-v",
      "error",
      ...seek,
      "-i",
      path,
      "-vf",
      filters,
      "-frames:v",
      "81",
      "-f",
      "rawvideo",
      "pipe:1",
    ],
    stdin: "null",
    stdout: "null",
  }).output();
  if (!success) throw new Error(`ffmpeg cannot read ${path}`);
}

async function wallSeconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** Processor time that this process and its children took for some work; counted in hundredths on Linux. */
async function cpuSeconds(work: () => Promise<unknown>): Promise<number> {
  const start = cpuNow();
  await work();
  return cpuNow() - start;
}

function cpuNow(): number {
  const fields = Deno.readTextFileSync("/proc/self/stat").split(") ")[1]?.split(" ") ?? [];
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
}
