/** Windows that are sought: the frames of their times, and the same pixels as decoding from the start of the file. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { readInOrder } from "../../src/media/frames.ts";
import { chooseFrames, frameTimes, type MediaInfo, probe } from "../../src/media/mod.ts";
import { seekFrames } from "../../src/media/seek.ts";
import { blockCounts, CLIPS, ffmpeg, makeBlocks } from "../support/media.ts";
import { withFolder } from "../support/tmp.ts";

const SIZE = { width: 32, height: 32 };
const X264 = ["-c:v", "libx264", "-crf", "10"];
const GOP = ["-x264-params", "keyint=20:min-keyint=20:scenecut=0:bframes=3"];

/** Compares a window that is sought with the same one decoded from the start. */
async function compare(info: MediaInfo, options: { fps: number; numFrames: number; start: number }): Promise<number[]> {
  const size = { width: info.width, height: info.height };
  using sought = await seekFrames(info, { ...size, ...options });
  assert.ok(sought !== undefined, `the window at ${options.start} was not found by seeking`);
  const whole = await readInOrder(info, { ...size, ...options });
  assert.deepEqual(sought.sourceTimes.map(round), whole.sourceTimes.map(round), `times at ${options.start}`);
  assert.ok(Buffer.compare(sought.pixels, whole.pixels) === 0, `pixels at ${options.start}`);
  return blockCounts(sought.pixels, size);
}

function round(seconds: number): number {
  return Math.round(seconds * 1e6);
}

/** Each makes `clip.<ending>` of 120 frames at 25 fps. */
const NASTY: readonly { what: string; ending: string; make: (path: string) => void }[] = [
  { what: "B-frames", ending: "mp4", make: (path) => blocks(path, [...X264, ...GOP]) },
  {
    what: "open groups of pictures",
    ending: "mkv",
    make: (path) => blocks(path, [...X264, "-x264-params", "open-gop=1:keyint=20:bframes=3:scenecut=0"]),
  },
  {
    what: "open groups in H.265",
    ending: "mp4",
    make: (path) => blocks(path, ["-c:v", "libx265", "-x265-params", "log-level=0:open-gop=1:keyint=20:bframes=3"]),
  },
  {
    what: "a start after zero",
    ending: "mp4",
    make: (path) => blocks(path, [...X264, ...GOP, "-output_ts_offset", "3.2"]),
  },
  {
    what: "a transport stream, which starts at 1.4 s and has no index",
    ending: "ts",
    make: (path) => blocks(path, [...X264, ...GOP]),
  },
  {
    what: "an edit list that cuts into a group",
    ending: "mp4",
    make: (path) => {
      const whole = `${path}.whole.mp4`;
      makeBlocks(whole, { frames: 150, fps: 25, extra: [...X264, ...GOP] });
      ffmpeg("-ss", "1.2", "-i", whole, "-c", "copy", path); // from frame 30, though the key frame is 20
    },
  },
  {
    what: "the milliseconds of WebM, and VP9's hidden frames",
    ending: "webm",
    make: (path) => blocks(path, ["-c:v", "libvpx-vp9", "-g", "20", "-deadline", "realtime", "-auto-alt-ref", "1"]),
  },
  { what: "only key frames", ending: "avi", make: (path) => blocks(path, ["-c:v", "mjpeg", "-q:v", "3"]) },
  { what: "10 bits", ending: "mp4", make: (path) => blocks(path, [...X264, ...GOP, "-pix_fmt", "yuv420p10le"]) },
  {
    what: "interlace",
    ending: "mp4",
    make: (path) =>
      blocks(path, [...X264, "-g", "20", "-flags", "+ildct+ilme", "-x264opts", "tff=1"], ["setfield=tff"]),
  },
  {
    what: "pixels twice as wide as high",
    ending: "mp4",
    make: (path) => blocks(path, [...X264, ...GOP], ["setsar=2"]),
  },
  {
    what: "an odd size",
    ending: "mkv",
    make: (path) => blocks(path, ["-c:v", "ffv1"], ["format=yuv444p,scale=67:65:flags=neighbor"]),
  },
  { what: "alpha", ending: "mov", make: (path) => blocks(path, ["-c:v", "qtrle"], ["format=argb"]) },
];

function blocks(path: string, extra: readonly string[], filters: readonly string[] = []): void {
  makeBlocks(path, { frames: 120, fps: 25, extra, filters });
}

for (const { what, ending, make } of NASTY) {
  Deno.test(`seekFrames() gives the same frames as decoding from the start: ${what}`, async () => {
    await withFolder(async (folder) => {
      const path = join(folder, `clip.${ending}`);
      make(path);
      const info = await probe(path);
      const { timeline } = info;
      assert.ok(timeline !== undefined && timeline.numFrames >= 118, `${timeline?.numFrames}`);
      assert.ok(timeline.keys.steps.length > 0, "there is a key frame to seek to");
      const first = what.startsWith("an edit list") ? 30 : 0;
      for (const start of [0.79, 2.36]) {
        const counts = await compare(info, { fps: 25, numFrames: 9, start });
        const wanted = chooseFrames(frameTimes(timeline), { fps: 25, numFrames: 9, start });
        assert.deepEqual(counts, wanted.map((index) => first + index), `at ${start}`);
      }
      await compare(info, { fps: 16, numFrames: 17, start: 3.1 });
    });
  });
}

Deno.test("seekFrames() finds frames of a variable rate", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "vfr.mp4");
    const uneven = "setpts='round(if(lt(N,40),N*0.04,1.6+(N-40)*0.09)/TB)'";
    makeBlocks(path, { frames: 80, fps: 100, filters: [uneven], extra: [...X264, ...GOP] });
    const info = await probe(path);
    for (const start of [0, 1.5, 3.01]) {
      const counts = await compare(info, { fps: 16, numFrames: 17, start });
      const times = Array.from({ length: 80 }, (_, n) => n < 40 ? n * 0.04 : 1.6 + (n - 40) * 0.09);
      assert.deepEqual(counts, chooseFrames(times, { fps: 16, numFrames: 17, start }));
    }
  });
});

Deno.test("seekFrames() gives the same frames as decoding from the start: every sample clip", async () => {
  for (const name of readdirSync(CLIPS).filter((name) => /\.(mp4|mov|webm|avi)$/.test(name))) {
    const info = await probe(join(CLIPS, name));
    for (const start of [0, info.duration * 0.6]) await compare(info, { fps: 16, numFrames: 9, start });
  }
});

Deno.test("seekFrames() gives nothing where the container's key frames are none", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "false.mkv");
    makeBlocks(path, { frames: 120, fps: 25, extra: [...X264, "-x264-params", "keyint=200:scenecut=0:bframes=0"] });
    const info = await probe(path);
    assert.ok(info.timeline !== undefined);
    // as if frame 60 had been marked: ffmpeg cannot begin there, and says so by what it shows
    const lying = { ...info, timeline: { ...info.timeline, keys: { first: 0, steps: [[1, 60]] as const } } };
    using sought = await seekFrames(lying, { ...SIZE, fps: 25, numFrames: 9, start: 2.8 });
    if (sought !== undefined) assert.deepEqual(blockCounts(sought.pixels, SIZE), [70, 71, 72, 73, 74, 75, 76, 77, 78]);
  });
});
