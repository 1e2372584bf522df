import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { FileProblem, probe } from "../../src/media/mod.ts";
import { CLIPS, DATA, ffmpeg, makeCounter } from "../support/media.ts";
import { withFolder } from "../support/tmp.ts";

interface Fact {
  readonly path: string;
  readonly container: string;
  readonly codec: string;
  readonly pix_fmt: string;
  readonly width: number;
  readonly height: number;
  readonly shown_width?: number;
  readonly shown_height?: number;
  readonly fps: string;
  readonly nb_frames: number;
  readonly duration: number | null;
  readonly audio?: unknown;
}

const FACTS: readonly Fact[] = JSON.parse(readFileSync(join(DATA, "manifest.json"), "utf8")).files
  .filter(({ path }: Fact) => path.startsWith("clips/"));

for (const fact of FACTS) {
  Deno.test(`probe() reads what is known about ${fact.path}`, async () => {
    const info = await probe(join(DATA, fact.path));
    const still = fact.path.includes("still_");
    assert.equal(info.isImage, still);
    assert.equal(info.codec, fact.codec);
    assert.equal(info.pixelFormat, fact.pix_fmt);
    assert.deepEqual([info.codedWidth, info.codedHeight], [fact.width, fact.height]);
    assert.deepEqual([info.width, info.height], [fact.shown_width ?? fact.width, fact.shown_height ?? fact.height]);
    assert.equal(info.timeline?.numFrames, fact.nb_frames);
    assert.equal(info.hasAudio, fact.audio !== undefined);
    if (still) return;
    const [num = 0, den = 1] = fact.fps.split("/").map(Number);
    assert.equal(info.container, fact.container);
    assert.ok(Math.abs(info.fps - num / den) < 1e-9, `${info.fps}`);
    // the container of the variable clip and of one other counts to the end of its time line, by up to a frame more
    assert.ok(Math.abs(info.duration - (fact.duration ?? 0)) < 0.05, `${info.duration}`);
  });
}

Deno.test("probe() applies the shape of pixels and the orientation to the size", async () => {
  await withFolder(async (folder) => {
    const wide = join(folder, "wide.mp4");
    makeCounter(wide, { frames: 5, fps: 24, filters: ["setsar=2"] });
    assert.deepEqual(sizeOf(await probe(wide)), [128, 64]);
    const turned = join(folder, "turned.mp4");
    ffmpeg("-i", wide, "-c", "copy", "-metadata:s:v:0", "rotate=90", turned);
    assert.deepEqual(sizeOf(await probe(turned)), [64, 128]);
  });
});

Deno.test("probe() takes the default video stream and leaves cover pictures alone", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "two.mkv");
    const [a, b] = [join(CLIPS, "plant_window_tilt.mp4"), join(CLIPS, "coin_pen_audio.mp4")];
    const maps = ["-map", "0:v", "-map", "1:v", "-c", "copy", "-disposition:v:0", "0", "-disposition:v:1", "default"];
    ffmpeg("-i", a, "-i", b, ...maps, path);
    const info = await probe(path);
    assert.deepEqual([info.width, info.height, info.streamIndex, info.numVideoStreams], [568, 320, 1, 2]);
  });
});

Deno.test("probe() notices interlaced pictures", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "fields.mp4");
    const tff = ["-vf", "tinterlace=interleave_top,setfield=tff", "-flags", "+ildct+ilme", "-x264-params", "tff=1"];
    ffmpeg("-i", join(CLIPS, "coin_pen_audio.mp4"), "-an", "-frames:v", "12", ...tff, "-c:v", "libx264", path);
    assert.equal((await probe(path)).interlaced, true);
  });
});

Deno.test("probe() never follows a playlist or a list of files", async () => {
  await withFolder(async (folder) => {
    const clip = join(CLIPS, "plant_window_tilt.mp4");
    for (const text of [`ffconcat version 1.0\nfile '${clip}'\n`, `#EXTM3U\n#EXTINF:3,\n${clip}\n\u0001`]) {
      const path = join(folder, "list.mp4");
      Deno.writeTextFileSync(path, text);
      await assert.rejects(probe(path), FileProblem);
    }
  });
});

Deno.test("probe() says what is wrong with a file that is none", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "a\nb.mp4");
    await assert.rejects(probe(path), /^FileProblem: Cannot read ".*a\\nb.mp4": it does not exist$/);
    Deno.writeFileSync(path, new Uint8Array(0));
    await assert.rejects(probe(path), /the file is empty/);
    Deno.writeTextFileSync(path, "<!DOCTYPE html><html>404</html>");
    await assert.rejects(probe(path), /it is an HTML or XML page/);
  });
});

function sizeOf({ width, height }: { width: number; height: number }): number[] {
  return [width, height];
}
