import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { FileProblem, findCuts, frameTimes, keyTimes, probe, readFrames } from "../../src/media/mod.ts";
import { readInOrder } from "../../src/media/frames.ts";
import { readAnimation } from "../../src/media/webp.ts";
import { ffmpeg } from "../support/media.ts";
import { childProcesses } from "../support/processes.ts";
import { withFolder } from "../support/tmp.ts";
import { animatedWebp, pictureOf, solid, type WebpPlace } from "../support/webp.ts";

const CANVAS = { width: 32, height: 16 };
const RED = [255, 0, 0, 255] as const;
const BLUE = [0, 0, 255, 255] as const;
const HALF_WHITE = [255, 255, 255, 128] as const;

/** Writes an animation for a test. */
async function withWebp(frames: readonly WebpPlace[], body: (path: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const path = join(folder, "clip.webp");
    Deno.writeFileSync(path, animatedWebp(CANVAS, frames));
    await body(path);
    assert.deepEqual(childProcesses(), []);
  });
}

/** A frame over the whole canvas whose red is its number. */
function counted(number: number, duration: number): WebpPlace {
  return { ...solid({ ...CANVAS, rgba: [number, 100, 100, 255] }), duration };
}

/** The red of each frame's first pixel. */
function counts({ pixels, numFrames }: { pixels: Uint8Array; numFrames: number }): (number | undefined)[] {
  return Array.from({ length: numFrames }, (_, frame) => pixels[frame * CANVAS.width * CANVAS.height * 3]);
}

async function codeOf(action: () => unknown): Promise<string> {
  try {
    await action();
  } catch (error) {
    assert.ok(error instanceof FileProblem && error.cure !== undefined, String(error));
    return error.code;
  }
  return "none";
}

Deno.test("an animated WebP is a clip with the times of its frames", async () => {
  const durations = [40, 70, 100, 33, 500];
  await withWebp(durations.map((duration, number) => counted(number, duration)), async (path) => {
    const info = await probe(path);
    assert.deepEqual([info.isImage, info.codec, info.width, info.height], [false, "webp", 32, 16]);
    assert.deepEqual(info.timeline && frameTimes(info.timeline), [0, 0.04, 0.11, 0.21, 0.243]);
    assert.deepEqual([info.duration, info.numUntimed], [0.743, undefined]);
    const frames = await readFrames(info, { ...CANVAS, fps: 20, numFrames: 8 }); // at 0, 50, 100 … 350 ms
    assert.deepEqual(counts(frames), [0, 1, 1, 2, 2, 4, 4, 4]);
    assert.deepEqual(frames.sourceTimes, [0, 0.04, 0.04, 0.11, 0.11, 0.243, 0.243, 0.243]);
  });
});

Deno.test("rates that were rounded to milliseconds come back, and frames are read from the middle", async () => {
  const times = Array.from({ length: 25 }, (_, frame) => Math.round(frame * 1000 / 24));
  const frames = times.slice(1).map((time, number) => counted(number, time - (times[number] ?? 0)));
  await withWebp(frames, async (path) => {
    const info = await probe(path);
    assert.deepEqual(info.statedRate, { num: 24, den: 1 });
    const all = await readFrames(info, { ...CANVAS, fps: 24, numFrames: 24 });
    assert.deepEqual(counts(all), Array.from({ length: 24 }, (_, number) => number));
    const late = { ...CANVAS, fps: 12, numFrames: 5, start: 0.5 };
    assert.deepEqual(counts(await readFrames(info, late)), [12, 14, 16, 18, 20]);
  });
});

Deno.test("frames without a duration last 100 ms, as in browsers", async () => {
  await withWebp([0, 10, 11].map((duration, number) => counted(number, duration)), async (path) => {
    const { timeline, numUntimed, duration } = await probe(path);
    assert.deepEqual(timeline && frameTimes(timeline), [0, 0.1, 0.2]);
    assert.deepEqual([numUntimed, duration], [2, 0.211]);
  });
});

Deno.test("frames are put at their place, blended or not, and cleared, over black", async () => {
  const small = { width: 8, height: 4 };
  const frames: WebpPlace[] = [
    solid({ ...CANVAS, rgba: RED }),
    { ...solid({ ...small, rgba: HALF_WHITE }), left: 4, top: 6 },
    { ...solid({ ...small, rgba: HALF_WHITE }), left: 4, top: 6, blend: false, clear: true },
    { ...solid({ ...small, rgba: BLUE }), left: 24, top: 12 },
    { ...solid({ ...CANVAS, rgba: HALF_WHITE }), blend: false, clear: true },
    { ...solid({ ...small, rgba: HALF_WHITE }), left: 4, top: 6 },
  ];
  const half = [128, 128, 128];
  const expected = [ // at (0, 0), (4, 6), (11, 9), (12, 10), (24, 12), (31, 15)
    [[255, 0, 0], [255, 0, 0], [255, 0, 0], [255, 0, 0], [255, 0, 0], [255, 0, 0]],
    [[255, 0, 0], [255, 128, 128], [255, 128, 128], [255, 0, 0], [255, 0, 0], [255, 0, 0]],
    [[255, 0, 0], half, half, [255, 0, 0], [255, 0, 0], [255, 0, 0]],
    [[255, 0, 0], [0, 0, 0], [0, 0, 0], [255, 0, 0], [0, 0, 255], [0, 0, 255]],
    [half, half, half, half, half, half],
    [[0, 0, 0], half, half, [0, 0, 0], [0, 0, 0], [0, 0, 0]],
  ];
  await withWebp(frames, async (path) => {
    const info = await probe(path);
    assert.deepEqual(info.timeline && keyTimes(info.timeline), [0, 0.4, 0.5]);
    const { pixels } = await readFrames(info, { ...CANVAS, fps: 10, numFrames: 6 });
    const places = [[0, 0], [4, 6], [11, 9], [12, 10], [24, 12], [31, 15]] as const;
    const seen = expected.map((_, frame) =>
      places.map(([x, y]) => [...pixels.subarray(((frame * 16 + y) * 32 + x) * 3).subarray(0, 3)])
    );
    assert.deepEqual(seen, expected);
    const last = { ...CANVAS, fps: 10, numFrames: 1, start: 0.5 };
    assert.deepEqual((await readFrames(info, last)).pixels, (await readInOrder(info, last)).pixels);
  });
});

Deno.test("an animated WebP is turned as its EXIF says", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "turned.webp");
    const corner = solid({ width: 8, height: 4, rgba: RED }); // at the top left, as stored
    Deno.writeFileSync(path, animatedWebp({ ...CANVAS, orientation: 6 }, [solid({ ...CANVAS, rgba: BLUE }), corner]));
    const info = await probe(path);
    assert.deepEqual([info.width, info.height], [16, 32]);
    const { pixels } = await readFrames(info, { width: 16, height: 32, fps: 10, numFrames: 2 });
    const at = 16 * 32 * 3;
    assert.deepEqual([...pixels.subarray(at, at + 3)], [0, 0, 255]);
    assert.deepEqual([...pixels.subarray(at + 45, at + 48)], [255, 0, 0]); // now at the top right
  });
});

Deno.test("lossy frames with opacity of their own are read beside lossless ones", async () => {
  await withFolder(async (folder) => {
    const stillPath = join(folder, "still.webp");
    const color = "color=c=0x40c080@0.5:s=16x16,format=yuva420p";
    ffmpeg("-f", "lavfi", "-i", color, "-frames:v", "1", "-c:v", "libwebp", "-q:v", "95", stillPath);
    const lossy = pictureOf(Deno.readFileSync(stillPath), { width: 16, height: 16 });
    const path = join(folder, "clip.webp");
    Deno.writeFileSync(path, animatedWebp(CANVAS, [solid({ ...CANVAS, rgba: BLUE }), { ...lossy, left: 16 }]));
    assert.deepEqual(readAnimation(path)?.frames.map(({ alpha, chunks }) => [alpha, chunks.length]), [
      ...[[false, 1], [true, 2]],
    ]);
    const { pixels } = await readFrames(path, { ...CANVAS, fps: 10, numFrames: 2 });
    const at = 32 * 16 * 3 + (8 * 32 + 24) * 3;
    const error = [32, 96, 191].map((value, c) => Math.abs(value - (pixels[at + c] ?? 0)));
    assert.ok(Math.max(...error) <= 3, `${error}`); // 8-bit YUV
  });
});

Deno.test("findCuts() finds a cut of an animated WebP", async () => {
  const frames = Array.from({ length: 20 }, (_, at) => solid({ ...CANVAS, rgba: at < 12 ? RED : HALF_WHITE }));
  await withWebp(frames.map((frame) => ({ ...frame, blend: false })), async (path) => {
    assert.deepEqual((await findCuts(await probe(path))).cuts, [1.2]);
  });
});

Deno.test("an animated WebP that is damaged is told from the first damaged frame on", async () => {
  const good = counted(7, 100);
  const noise = { ...good, chunks: good.chunks.map((byte, at) => at < 13 ? byte : 0xa7 ^ at) }; // after the size
  await withWebp([good, good, good, noise, good], async (path) => {
    const info = await probe(path);
    assert.deepEqual(counts(await readFrames(info, { ...CANVAS, fps: 10, numFrames: 3 })), [7, 7, 7]);
    const damaged = /damaged at frame 3 /;
    await assert.rejects(readFrames(info, { ...CANVAS, fps: 10, numFrames: 5 }), damaged);
    assert.equal(await codeOf(() => readFrames(info, { ...CANVAS, fps: 10, numFrames: 5 })), "corrupt_frames");
    const whole = Deno.readFileSync(path);
    Deno.writeFileSync(path, whole.subarray(0, whole.length - 20));
    assert.equal(await codeOf(() => probe(path)), "truncated");
  });
  const wrong: [WebpPlace[], string][] = [
    [[], "truncated"],
    [[{ ...good, left: 2 }], "corrupt_frames"],
    [[{ ...good, width: 30 }], "corrupt_frames"],
    [[{ ...good, chunks: new Uint8Array(0) }], "corrupt_frames"],
  ];
  for (const [frames, code] of wrong) {
    await withWebp(frames, async (path) => assert.equal(await codeOf(() => probe(path)), code));
  }
});

Deno.test("readAnimation() refuses what is too large, and damaged bytes in no other way than as damaged", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "clip.webp");
    Deno.writeFileSync(path, animatedWebp({ width: 8192, height: 4096 }, [counted(1, 100)]));
    assert.equal(await codeOf(() => readAnimation(path)), "too_large");
    const whole = animatedWebp(CANVAS, [counted(1, 100), counted(2, 100)]);
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), fc.nat(whole.length), async (changes, cut) => {
        const bytes = whole.slice(0, cut === 0 ? whole.length : cut);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        Deno.writeFileSync(path, bytes);
        await codeOf(() => readAnimation(path));
      }),
    );
  });
});
