import assert from "node:assert/strict";
import { join } from "node:path";
import { beyondLimits, type Limits } from "../../src/data/limits.ts";
import { glanceAt } from "../../src/data/glance.ts";
import { type MediaInfo, probe } from "../../src/media/mod.ts";
import { dataConfig, prepare } from "../support/dataset.ts";
import { CLIPS, ffmpeg } from "../support/media.ts";
import { withFolder } from "../support/tmp.ts";
import { useTorch } from "../support/torch.ts";

await useTorch();

const limits = (own: object): Limits => dataConfig({ sources: [{ path: "x" }], limits: own }).limits;

Deno.test("beyondLimits() holds a clip against each limit, with a code of its own", async () => {
  const info = await probe(join(CLIPS, "coin_pen_audio.mp4")); // 568x320, 30 fps, 120 frames, 4 s, H.264
  const code = (own: object): string | undefined => beyondLimits(info, limits(own))?.code;
  for (
    const [own, wanted] of [
      [{ minSeconds: 5 }, "too_short"],
      [{ maxSeconds: 3 }, "too_long"],
      [{ minFrames: 121 }, "too_few_frames"],
      [{ maxFrames: 119 }, "too_long"],
      [{ minFps: 31 }, "odd_frame_rate"],
      [{ maxFps: 29 }, "odd_frame_rate"],
      [{ minSide: 321 }, "too_small"],
      [{ maxSide: 567 }, "too_large"],
      [{ containers: ["webm"] }, "container"],
      [{ codecs: ["vp9", "av1"] }, "codec"],
    ] as const
  ) {
    assert.equal(code(own), wanted, JSON.stringify(own));
  }
  const all = { minSeconds: 4, maxSeconds: 4, minFrames: 120, maxFrames: 120, minFps: 30, maxFps: 30 };
  assert.equal(code({ ...all, minSide: 320, maxSide: 568, containers: ["MP4"], codecs: ["H264"] }), undefined);
  const still = await probe(join(CLIPS, "still_cat.jpg"));
  assert.equal(beyondLimits(still, limits({ minSeconds: 5, codecs: ["h264"] })), undefined); // for clips only
  assert.equal(beyondLimits(still, limits({ minSide: 301 }))?.code, "too_small");
});

const VIDEO = { sources: [] as object[], resolution: { width: 64, height: 64 }, numFrames: 9, captionDropout: 0 };

/** Copies of one clip that a person would call the same, and what else lies in the folder. */
function makeAlike(folder: string): void {
  const clip = join(CLIPS, "coin_pen_audio.mp4");
  Deno.copyFileSync(clip, join(folder, "a.mp4"));
  Deno.copyFileSync(clip, join(folder, "b.mp4"));
  ffmpeg("-i", clip, "-vf", "scale=284:160,eq=brightness=0.03", "-crf", "30", "-an", join(folder, "small.mp4"));
  ffmpeg("-i", clip, "-vf", "hflip", "-an", join(folder, "mirrored.mp4"));
  for (const name of ["plant_window_tilt.mp4", "still_cat.jpg"]) {
    Deno.copyFileSync(join(CLIPS, name), join(folder, name));
  }
  ffmpeg("-i", join(CLIPS, "still_cat.jpg"), "-vf", "scale=300:-1", join(folder, "cat_small.png"));
  ffmpeg("-f", "lavfi", "-i", "color=black:s=128x128:r=24", "-frames:v", "33", join(folder, "black.mp4"));
  ffmpeg("-f", "lavfi", "-i", "testsrc=s=128x128:r=24:d=0.04,loop=40:1", "-frames:v", "33", join(folder, "still.mp4"));
}

Deno.test("duplicates, black and frozen clips are told, left out or kept, as the config says", async () => {
  await withFolder(async (folder) => {
    const data = join(folder, "data");
    Deno.mkdirSync(data);
    makeAlike(data);
    const values = { ...VIDEO, sources: [{ path: data, captions: { from: "fileName" } }] };
    const run = async (own: object): Promise<{ used: string[]; codes: string[]; warnings: string[] }> => {
      const { dataset, events } = await prepare({ ...values, limits: own }, { cacheDir: join(folder, "cache") });
      using _dataset = dataset;
      return {
        used: [...new Set(dataset.items.map(({ path }) => path.slice(data.length + 1)))],
        codes: dataset.rejected.map(({ path, code }) => `${path.slice(data.length + 1)} ${code}`),
        warnings: events.flatMap((event) => event.type === "warning" ? [event.message.replaceAll(`${data}/`, "")] : []),
      };
    };
    const warned = await run({});
    assert.equal(warned.used.length, 9);
    assert.deepEqual(warned.codes, []);
    for (
      const message of [
        '"black.mp4": it is black throughout',
        '"still.mp4": nothing moves in it',
        '3 files show the same as others: "b.mp4" has the content of "a.mp4", "cat_small.png" has the picture of ' +
        '"still_cat.jpg", "small.mp4" has the picture of "a.mp4"',
      ]
    ) assert.ok(warned.warnings.includes(message), warned.warnings.join("\n"));
    const strict = await run({ black: "reject", frozen: "reject", duplicates: "reject" });
    assert.deepEqual(strict.codes.sort(), [
      "b.mp4 duplicate",
      "black.mp4 black",
      "cat_small.png duplicate",
      "small.mp4 duplicate",
      "still.mp4 frozen",
    ]);
    assert.deepEqual(strict.used, ["a.mp4", "mirrored.mp4", "plant_window_tilt.mp4", "still_cat.jpg"]);
    const kept = await run({ black: "keep", frozen: "keep", duplicates: "keep" });
    assert.equal(kept.used.length, 9);
    assert.deepEqual(kept.warnings.filter((text) => /same|black|moves/.test(text)), []);
  });
});

Deno.test("glanceAt() costs the same for a long clip: its frames are sought, and are those of a copy", async () => {
  await withFolder(async (folder) => {
    const long = join(folder, "long.mp4");
    const copy = join(folder, "copy.mp4");
    const loop = ["-stream_loop", "9", "-i", join(CLIPS, "coin_pen_audio.mp4"), "-an"];
    ffmpeg(...loop, "-c", "copy", long);
    ffmpeg(...loop, "-vf", "scale=320:180", "-g", "37", copy); // key frames elsewhere
    const look = async (path: string): Promise<readonly (string | null)[]> => {
      const info: MediaInfo = await probe(path);
      assert.ok(Math.abs(info.duration - 40) < 0.5, `${info.duration}`);
      return (await glanceAt(info, undefined))?.hashes ?? [];
    };
    const [a, b] = [await look(long), await look(copy)];
    assert.equal(a.length, 5);
    a.forEach((hash, k) => {
      let rest = BigInt(`0x${hash}`) ^ BigInt(`0x${b[k]}`);
      let bits = 0;
      for (; rest > 0n; rest &= rest - 1n) bits++;
      assert.ok(bits <= 5, `${hash} ${b[k]}`);
    });
  });
});
