import assert from "node:assert/strict";
import { join } from "node:path";
import { DiskError, random } from "../../src/base/mod.ts";
import { frameTimes, probe, readFrames, writeVideo } from "../../src/media/mod.ts";
import { CLIPS } from "../support/media.ts";
import { withFolder, withSmallDisk } from "../support/tmp.ts";

const SIZE = { width: 128, height: 96 };

Deno.test("writeVideo() writes H.264 with the frames, their rate and the comment", async () => {
  const { pixels } = await readFrames(join(CLIPS, "coin_pen_audio.mp4"), { ...SIZE, fps: 8, numFrames: 9 });
  await withFolder(async (folder) => {
    const path = join(folder, "out", "🦜 -sample.mp4");
    const comment = 'a "prompt" = 1; #\nseed 0';
    await writeVideo(path, pixels, { ...SIZE, fps: 8, comment });
    const info = await probe(path);
    assert.deepEqual([info.codec, info.pixelFormat, info.width, info.height], ["h264", "yuv420p", 128, 96]);
    assert.deepEqual(info.timeline && frameTimes(info.timeline), Array.from({ length: 9 }, (_, k) => k / 8));
    const back = await readFrames(info, { ...SIZE, fps: 8, numFrames: 9 });
    const error = pixels.reduce((sum, value, at) => sum + (value - (back.pixels[at] ?? 0)) ** 2, 0) / pixels.length;
    assert.ok(10 * Math.log10(255 ** 2 / error) > 40, `PSNR ${10 * Math.log10(255 ** 2 / error)}`);
    const tags = new Deno.Command("ffprobe", {
      args: ["-v", "error", "-show_entries", "format_tags=comment", "-of", "json", path],
    });
    assert.equal(JSON.parse(new TextDecoder().decode(tags.outputSync().stdout)).format.tags.comment, comment);
    assert.deepEqual([...Deno.readDirSync(join(folder, "out"))].map(({ name }) => name), ["🦜 -sample.mp4"]);
    const first = Deno.readFileSync(path);
    await writeVideo(path, pixels, { ...SIZE, fps: 8, comment });
    assert.deepEqual(Deno.readFileSync(path), first);
  });
});

Deno.test("writeVideo() pads odd sides and refuses bytes that are no frames", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "odd.mp4");
    await writeVideo(path, new Uint8Array(2 * 33 * 31 * 3), { width: 33, height: 31, fps: 8 });
    const { width, height } = await probe(path);
    assert.deepEqual([width, height], [34, 32]);
    await assert.rejects(writeVideo(path, new Uint8Array(10), { ...SIZE, fps: 8 }), RangeError);
  });
});

Deno.test("writeVideo() leaves the old file whole on a full disk", async () => {
  const draw = random(1);
  const noise = Uint8Array.from({ length: 16 * 256 * 192 * 3 }, () => draw.integer(256));
  await withSmallDisk(64, async (disk) => {
    const path = join(disk, "sample.mp4");
    Deno.writeTextFileSync(path, "old");
    await assert.rejects(writeVideo(path, noise, { width: 256, height: 192, fps: 8 }), (error: DiskError) => {
      assert.ok(error instanceof DiskError, String(error));
      assert.match(error.message, /the disk is full/);
      return true;
    });
    assert.equal(Deno.readTextFileSync(path), "old");
    assert.equal([...Deno.readDirSync(disk)].length, 1);
  });
});
