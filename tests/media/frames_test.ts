import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { FileProblem, frameTimes, type MediaInfo, probe, readFrames } from "../../src/media/mod.ts";
import { CLIPS, countedFrames, decodedTimes, ffmpeg, makeCounter } from "../support/media.ts";
import { withFolder } from "../support/tmp.ts";

const SIZE = { width: 32, height: 32 };

function timesOf({ timeline }: MediaInfo): readonly number[] {
  return timeline === undefined ? [] : frameTimes(timeline);
}

/** Source frames that the rule names: the last one whose time is at most k / fps. */
function ruled(times: readonly number[], { fps, numFrames }: { fps: number; numFrames: number }): number[] {
  return Array.from({ length: numFrames }, (_, k) => times.filter((time) => time <= k / fps + 1e-6).length - 1);
}

for (
  const [name, fps, extra] of [
    ["mp4 24", 24, undefined],
    ["mov 60000/1001", "60000/1001", undefined],
    ["mp4 12", 12, undefined],
    ["avi 16", 16, ["-c:v", "ffv1"]],
    ["mkv 30", 30, ["-c:v", "libx264", "-crf", "1"]],
  ] as const
) {
  Deno.test(`readFrames() chooses frames by their times: ${name}`, async () => {
    await withFolder(async (folder) => {
      const path = join(folder, `clip.${name.split(" ")[0]}`);
      makeCounter(path, { frames: 48, fps, ...(extra === undefined ? {} : { extra }) });
      for (const target of [8, 16, 24]) {
        const info = await probe(path);
        const numFrames = Math.min(17, Math.floor(info.duration * target));
        const { pixels } = await readFrames(info, { ...SIZE, fps: target, numFrames });
        const expected = ruled(timesOf(info), { fps: target, numFrames });
        assert.deepEqual(countedFrames(pixels, numFrames), expected, `at ${target} fps`);
        if (!name.startsWith("mkv")) {
          assert.deepEqual(expected, ruled(decodedTimes(path), { fps: target, numFrames }));
        }
      }
    });
  });
}

Deno.test("readFrames() keeps the real speed of a variable frame rate", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "vfr.mp4");
    // the first 8 frames 40 ms apart, then 120 ms
    makeCounter(path, { frames: 20, fps: 25, filters: ["setpts='if(lt(N,8),N*0.04,0.32+(N-8)*0.12)/TB'"] });
    const times = decodedTimes(path);
    assert.ok(Math.abs((times[9] ?? 0) - 0.44) < 1e-3, "the clip is not what the test means");
    const { pixels, sourceTimes } = await readFrames(path, { ...SIZE, fps: 16, numFrames: 25 });
    const expected = ruled(times, { fps: 16, numFrames: 25 });
    assert.deepEqual(countedFrames(pixels, 25), expected);
    expected.forEach((index, k) => assert.ok(Math.abs((sourceTimes[k] ?? 0) - (times[index] ?? 0)) < 1e-6));
  });
});

Deno.test("readFrames() gives every frame of a 24 fps WebM once at 24 fps, though it counts in milliseconds", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "ms.webm");
    makeCounter(path, {
      frames: 20,
      fps: 24,
      extra: ["-c:v", "libvpx-vp9", "-lossless", "1", "-deadline", "realtime"],
    });
    const { pixels } = await readFrames(path, { ...SIZE, fps: 24, numFrames: 20 });
    assert.deepEqual(countedFrames(pixels, 20), Array.from({ length: 20 }, (_, k) => k));
  });
});

Deno.test("readFrames() begins at `start` with the frame that is shown there", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "clip.mp4");
    makeCounter(path, { frames: 48, fps: 24 });
    const { pixels } = await readFrames(path, { ...SIZE, fps: 8, numFrames: 5, start: 0.52 });
    assert.deepEqual(countedFrames(pixels, 5), [12, 15, 18, 21, 24]);
  });
});

Deno.test("readFrames() gives the same pixels as ffmpeg's own scaler and crop", async () => {
  const path = join(CLIPS, "cockatoo_approach.mp4");
  const { pixels } = await readFrames(path, { width: 128, height: 128, fps: 24, numFrames: 3 });
  const flags = "lanczos+accurate_rnd+full_chroma_int+full_chroma_inp";
  const filter = `scale=228:128:flags=${flags},format=rgb24,crop=128:128:50:0`;
  const { stdout } = new Deno.Command("ffmpeg", {
    args: ["-v", "error", "-i", path, "-vf", filter, "-frames:v", "3", "-f", "rawvideo", "-"],
  }).outputSync();
  assert.deepEqual(Buffer.compare(pixels, stdout), 0);
});

Deno.test("readFrames() turns a picture by all eight EXIF orientations as ffmpeg does", async () => {
  await withFolder(async (folder) => {
    const plain = join(folder, "plain.jpg");
    ffmpeg("-i", join(CLIPS, "still_cat.jpg"), "-vf", "scale=96:64", "-q:v", "2", plain);
    for (const orientation of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const path = join(folder, `turned_${orientation}.jpg`);
      Deno.writeFileSync(path, withExif(Deno.readFileSync(plain), orientation));
      const info = await probe(path);
      const [width, height] = orientation >= 5 ? [64, 96] : [96, 64];
      assert.deepEqual([info.orientation, info.width, info.height], [orientation, width, height]);
      const { pixels } = await readFrames(info, { width: info.width, height: info.height, fps: 1, numFrames: 1 });
      const { stdout } = new Deno.Command("ffmpeg", {
        args: ["-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
      }).outputSync();
      assert.ok(meanDifference(pixels, stdout) < 3, `orientation ${orientation}: ${meanDifference(pixels, stdout)}`);
    }
  });
});

Deno.test("readFrames() shows the clip that is stored lying down upright", async () => {
  const path = join(CLIPS, "cockatoo_profile_rot90.mov");
  const { pixels } = await readFrames(path, { width: 90, height: 120, fps: 20, numFrames: 1 });
  const { stdout } = new Deno.Command("ffmpeg", { // it turns by itself
    args: [
      "-v",
      "error",
      "-i",
      path,
      "-vf",
      "scale=90:120",
      "-frames:v",
      "1",
      "-f",
      "rawvideo",
      "-pix_fmt",
      "rgb24",
      "-",
    ],
  }).outputSync();
  assert.ok(meanDifference(pixels, stdout) < 6, String(meanDifference(pixels, stdout)));
});

Deno.test("readFrames() blends transparent parts over black, whatever colour hides under them", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "alpha.png");
    ffmpeg("-f", "lavfi", "-i", "color=magenta:s=64x64,format=rgba,colorchannelmixer=aa=0", "-frames:v", "1", path);
    const { pixels } = await readFrames(path, { ...SIZE, fps: 1, numFrames: 1 });
    assert.ok(pixels.every((value) => value === 0));
  });
});

Deno.test("readFrames() deinterlaces without losing frames", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "fields.mp4");
    const fields = ["-vf", "setfield=tff", "-flags", "+ildct+ilme", "-x264-params", "tff=1"];
    ffmpeg("-i", join(CLIPS, "coin_pen_audio.mp4"), "-an", "-frames:v", "12", ...fields, "-c:v", "libx264", path);
    const { sourceTimes } = await readFrames(path, { ...SIZE, fps: 30, numFrames: 12 });
    sourceTimes.forEach((time, k) => assert.ok(Math.abs(time - k / 30) < 1e-3, `${time}`));
  });
});

Deno.test("readFrames() refuses damage where frames are wanted, and does not see it behind them", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "damaged.mp4");
    makeCounter(path, { frames: 48, fps: 24, extra: ["-c:v", "libx264", "-crf", "20", "-g", "12", "-bf", "0"] });
    const bytes = Deno.readFileSync(path);
    const mdat = new TextDecoder("latin1").decode(bytes).indexOf("mdat");
    const end = new TextDecoder("latin1").decode(bytes).indexOf("moov");
    const from = mdat + Math.floor((end - mdat) * 0.8);
    bytes.fill(0xa5, from, from + 40);
    Deno.writeFileSync(path, bytes);
    const early = await readFrames(path, { ...SIZE, fps: 24, numFrames: 17 });
    assert.equal(early.numFrames, 17);
    await assert.rejects(readFrames(path, { ...SIZE, fps: 24, numFrames: 48 }), FileProblem);
  });
});

Deno.test("readFrames() says how many frames came when there are too few", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "short.mp4");
    makeCounter(path, { frames: 8, fps: 24 });
    await assert.rejects(
      readFrames(await probe(path), { ...SIZE, fps: 24, numFrames: 17 }),
      /only 8 of 8 frames came out, 17 at 24 fps are wanted/,
    );
  });
});

Deno.test("readFrames() stops its child when it is told to", async () => {
  const stop = new AbortController();
  const reading = readFrames(join(CLIPS, "coin_pen_audio.mp4"), {
    width: 1024,
    height: 1024,
    fps: 240,
    numFrames: 200,
    signal: stop.signal,
  });
  setTimeout(() => stop.abort(), 300);
  await assert.rejects(reading, { name: "AbortError" });
});

for (
  const name of [
    "quo\"te's.mp4",
    "new\nline.mp4",
    "🦜 %05d.mp4",
    "-leading.mp4",
    "concat:a|b.mp4",
    "http:x.mp4",
    "50%.png",
  ]
) {
  Deno.test(`readFrames() reads a file called ${JSON.stringify(name)}`, async () => {
    await withFolder(async (folder) => {
      const path = join(folder, name);
      const source = name.endsWith(".png") ? "still_coffee.png" : "plant_window_tilt.mp4";
      Deno.copyFileSync(join(CLIPS, source), path);
      assert.equal((await readFrames(path, { ...SIZE, fps: 8, numFrames: 1 })).numFrames, 1);
    });
  });
}

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  assert.equal(a.length, b.length);
  return a.reduce((sum, value, at) => sum + Math.abs(value - (b[at] ?? 0)), 0) / a.length;
}

/** A JPEG with an EXIF block that holds nothing but an orientation. */
function withExif(jpeg: Uint8Array, orientation: number): Uint8Array {
  const tiff = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];
  const body = [0x45, 0x78, 0x69, 0x66, 0, 0, ...tiff];
  const segment = [0xff, 0xe1, 0, body.length + 2, ...body];
  return Uint8Array.from([...jpeg.subarray(0, 2), ...segment, ...jpeg.subarray(2)]);
}
