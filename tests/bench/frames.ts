/** The data path from a file to what an encoder gets, against ffmpeg alone making the same raw frames. */
import { join } from "node:path";
import { Decoder } from "../../src/data/decoder.ts";
import { cacheKey } from "../../src/data/cache.ts";
import { frameSource } from "../../src/data/mod.ts";
import { planDataset, type PlannedWindow } from "../../src/data/plan.ts";
import { coverCrop, decodeFrames, probe } from "../../src/media/mod.ts";
import { dataConfig } from "../support/dataset.ts";
import { ffmpeg } from "../support/media.ts";
import { compare, type Compared, duration } from "./measure.ts";

/** One comparison: seconds for one window. */
export interface FrameBench {
  readonly name: string;
  readonly compared: Compared;
  /** Whether the limit is about it: windows in a row, raw frames alone on both sides. One window shows how long it takes. */
  readonly limited: boolean;
}

/** The least share of ffmpeg's own throughput. */
const LEAST_THROUGHPUT = 0.9;

const SOURCE = { width: 1920, height: 1080 };
const SIZE = { width: 832, height: 480 };
const WINDOW = { fps: 16, numFrames: 81 };
const GEOMETRY = { spatialDivisor: 32, temporalStride: 4, spatialStride: 16, fps: 16 };
const MINUTES = 30;
const LOOP_SECONDS = 10;
/** Windows of the long file that are decoded in a row, as before they are encoded. */
const IN_A_ROW = 6;

/** Makes a 1080p clip of ten seconds, a key frame every two, and by repeating it one of half an hour. */
export function makeLongClip(folder: string): { short: string; long: string } {
  const [short, long] = [join(folder, "short.mp4"), join(folder, "long.mp4")];
  const source = `testsrc2=s=${SOURCE.width}x${SOURCE.height}:r=24:d=${LOOP_SECONDS}`;
  const coding = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "40", "-g", "48", "-pix_fmt", "yuv420p"];
  ffmpeg("-f", "lavfi", "-i", source, ...coding, short);
  ffmpeg("-stream_loop", String(MINUTES * 60 / LOOP_SECONDS - 1), "-i", short, "-c", "copy", long);
  return { short, long };
}

/**
 * Windows of 81 frames at 16 fps as raw frames, of files that are known:
 *
 * - one alone, from the start of a short file and late in a long one, against ffmpeg: how long it takes, without a limit;
 * - several of the long file in a row as `wantune cache` decodes them, with an encoder that takes no time: against ffmpeg
 *   making one after the other, and against two of it at once, as that is what we do. Both have the limit.
 *
 * Then one from an unknown file to the tensors that an encoder gets, which ffmpeg's side knows nothing of.
 * @param options.cpuTime compares processor time of this process and its children, which other programs disturb less
 */
export async function* benchFrames(
  rounds: number,
  { folder, cpuTime }: { folder: string; cpuTime: boolean },
): AsyncGenerator<FrameBench> {
  const { short, long } = makeLongClip(folder);
  const [knownShort, knownLong] = [await probe(short), await probe(long)];
  const wanted = { ...SIZE, ...WINDOW };
  const late = MINUTES * 60 * 0.7;
  const windows = await planWindows(long);
  const starts = windows.map(({ window }) => window.start);
  const benches: readonly Sides[] = [
    {
      name: "one window of a 1080p clip",
      ours: async () => (await decodeFrames(knownShort, wanted))[Symbol.dispose](),
      theirs: () => ffmpegAlone(short, { start: 0 }),
      limited: false,
    },
    {
      name: "one late in 30 minutes",
      ours: async () => (await decodeFrames(knownLong, { ...wanted, start: late }))[Symbol.dispose](),
      theirs: () => ffmpegAlone(long, { start: late }),
      limited: false,
    },
    {
      name: `${IN_A_ROW} windows, ffmpeg one by one`,
      ours: () => decodeInARow(windows),
      theirs: () => ffmpegInARow(long, { starts, atOnce: 1 }),
      count: IN_A_ROW,
    },
    {
      name: `${IN_A_ROW} windows, ffmpeg two at once`,
      ours: () => decodeInARow(windows),
      theirs: () => ffmpegInARow(long, { starts, atOnce: 2 }),
      count: IN_A_ROW,
    },
    {
      name: "one, probed, to tensors",
      ours: async () => {
        using frames = await decodeFrames(await probe(short), wanted);
        const video = frameSource(frames);
        for (let k = 0; k < WINDOW.numFrames; k += k === 0 ? 1 : 4) {
          video.frames(k, k === 0 ? 1 : 4)[Symbol.dispose]();
        }
      },
      theirs: () => ffmpegAlone(short, { start: 0 }),
      limited: false,
    },
  ];
  const clock = cpuTime ? cpuSeconds : wallSeconds;
  for (const { name, ours, theirs, count = 1, limited = true } of benches) {
    const compared = await compare(rounds, {
      ours: async () => await clock(ours) / count,
      theirs: async () => await clock(theirs) / count,
    });
    yield { name, compared, limited };
  }
}

interface Sides {
  readonly name: string;
  readonly ours: () => Promise<unknown>;
  readonly theirs: () => Promise<unknown>;
  /** Windows that each makes. Default 1. */
  readonly count?: number;
  readonly limited?: boolean;
}

/** One line of the report. */
export function reportFrames(bench: FrameBench): string {
  const { name, compared: { ours, theirs = NaN }, limited } = bench;
  const limit = LEAST_THROUGHPUT.toFixed(2);
  const verdict = !limited ? "" : keepsLimit(bench) ? `  ok, at least ${limit}` : `  LESS THAN ${limit}`;
  const seconds = `${duration(ours).padStart(10)} ${duration(theirs).padStart(12)}`;
  return `${name.padEnd(34)} ${seconds}   ${throughputOf(bench).toFixed(2)}${verdict}`;
}

/** Whether it keeps the limit, where that is about it. */
export function keepsLimit(bench: FrameBench): boolean {
  return !bench.limited || throughputOf(bench) >= LEAST_THROUGHPUT;
}

/** Our windows a second for each of ffmpeg's. */
function throughputOf({ compared: { ratio = NaN } }: FrameBench): number {
  return 1 / ratio;
}

/** The windows of a file as a config plans them. */
async function planWindows(path: string): Promise<PlannedWindow[]> {
  Deno.writeTextFileSync(path.replace(/\.mp4$/, ".txt"), "a test picture");
  const config = dataConfig({
    sources: [{ path }],
    resolution: SIZE,
    ...WINDOW,
    frames: { strategy: "chunks", maxWindows: IN_A_ROW },
  });
  const { used } = await planDataset(config, { geometry: GEOMETRY, cacheDir: `${path}.cache` });
  return used.flatMap((planned) =>
    planned.plan.items.flatMap(({ variants }) => variants).map((window) => {
      return { planned, window, kind: "latents", key: cacheKey("latents", { window }) };
    })
  );
}

/** As a cache is filled, but that nothing is encoded. */
async function decodeInARow(windows: readonly PlannedWindow[]): Promise<void> {
  await using decoder = new Decoder(windows, { isWanted: () => true });
  for (const window of windows) (await decoder.take(window))[Symbol.dispose]();
}

async function ffmpegInARow(
  path: string,
  { starts, atOnce }: { starts: readonly number[]; atOnce: number },
): Promise<void> {
  const queue = [...starts];
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (let start = queue.shift(); start !== undefined; start = queue.shift()) await ffmpegAlone(path, { start });
  }));
}

/** The same frames, thrown away. */
async function ffmpegAlone(path: string, { start }: { start: number }): Promise<void> {
  const { scaledWidth, scaledHeight, left, top } = coverCrop(SOURCE, SIZE);
  const scale = `scale=${scaledWidth}:${scaledHeight}:flags=lanczos+accurate_rnd+full_chroma_int+full_chroma_inp`;
  const filters = `fps=${WINDOW.fps},${scale},format=rgb24,crop=${SIZE.width}:${SIZE.height}:${left}:${top}`;
  const seek = start === 0 ? [] : ["-ss", String(start)];
  const output = ["-frames:v", String(WINDOW.numFrames), "-f", "rawvideo", "pipe:1"];
  const { success } = await new Deno.Command("ffmpeg", {
    args: ["-nostdin", "-v", "error", ...seek, "-i", path, "-vf", filters, ...output],
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
