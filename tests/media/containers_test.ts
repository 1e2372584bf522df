import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ConfigError, DiskError } from "../../src/base/mod.ts";
import { probe, psnr, readComment, readFrames, type VideoCodec, writeVideo } from "../../src/media/mod.ts";
import { CLIPS } from "../support/media.ts";
import { withFolder } from "../support/tmp.ts";

const SIZE = { width: 96, height: 64 };
const COMMENT = `{"prompt":"a \\"cat\\" = 🦜; #","filler":"${"long ".repeat(200)}"}`;
const PLAYED: readonly [name: string, codec: VideoCodec | undefined, found: string, leastPsnr: number][] = [
  ["a.mp4", "h265", "hevc", 38],
  ["b.webm", undefined, "vp9", 38],
  ["c.webm", "av1", "av1", 38],
  ["d.gif", undefined, "gif", 24],
];

Deno.test("writeVideo() writes each form with its frames and comment, the same bytes each time", async () => {
  const { pixels } = await readFrames(join(CLIPS, "coin_pen_audio.mp4"), { ...SIZE, fps: 8, numFrames: 5 });
  await withFolder(async (folder) => {
    for (const [name, codec, found, leastPsnr] of PLAYED) {
      const path = join(folder, name);
      const write = async (): Promise<Uint8Array> => {
        await writeVideo(path, pixels, { ...SIZE, fps: 10, codec, comment: COMMENT });
        return Deno.readFileSync(path);
      };
      const first = await write();
      assert.deepEqual(await write(), first, name);
      assert.equal(await readComment(path), COMMENT, name);
      const info = await probe(path);
      assert.deepEqual([info.codec, info.width, info.height, info.timeline?.numFrames], [found, 96, 64, 5], name);
      const back = await readFrames(info, { ...SIZE, fps: 10, numFrames: 5 });
      const likeness = psnr(pixels, back.pixels);
      assert.ok(likeness > leastPsnr, `${name}: PSNR ${likeness}`);
    }
    const frames = join(folder, "frames");
    for (let i = 0; i < 2; i++) await writeVideo(frames, pixels, { ...SIZE, fps: 8, comment: COMMENT });
    assert.equal(readdirSync(frames).length, 6);
    assert.equal(await readComment(frames), COMMENT);
    const third = await readFrames(join(frames, "frame-00002.png"), { ...SIZE, fps: 1, numFrames: 1 });
    assert.deepEqual(third.pixels, pixels.slice(2 * 96 * 64 * 3, 3 * 96 * 64 * 3));
    Deno.writeTextFileSync(join(frames, "note.txt"), "mine");
    await assert.rejects(writeVideo(frames, pixels, { ...SIZE, fps: 8 }), DiskError);
    assert.equal(readdirSync(frames).length, 7);
    assert.deepEqual(readdirSync(folder).sort(), ["a.mp4", "b.webm", "c.webm", "d.gif", "frames"]);
  });
});

Deno.test("writeVideo() refuses endings and codecs that do not fit", async () => {
  const frames = new Uint8Array(96 * 64 * 3);
  for (const [name, codec] of [["a.avi", undefined], ["a.mp4", "vp9"], ["a.gif", "h264"]] as const) {
    await assert.rejects(writeVideo(`/nowhere/${name}`, frames, { ...SIZE, fps: 8, codec }), ConfigError);
  }
});
