import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { FileProblem, findCuts, probe } from "../../src/media/mod.ts";
import { CLIPS, ffmpeg } from "../support/media.ts";
import { withFolder } from "../support/tmp.ts";

/** Scales and pads to one size, so that clips can be joined. */
const FIT = "scale=320:180:force_original_aspect_ratio=decrease,pad=320:180:-1:-1,setsar=1,fps=25,format=yuv420p";

/** Joins the first seconds of clips to one; returns where the cuts are. */
function join25(path: string, parts: readonly (readonly [name: string, frames: number])[]): number[] {
  const inputs = parts.flatMap(([name]) => ["-i", join(CLIPS, name)]);
  const chains = parts.map(([, frames], n) => `[${n}:v]${FIT},trim=end_frame=${frames},setpts=PTS-STARTPTS[p${n}]`);
  const all = `${parts.map((_, n) => `[p${n}]`).join("")}concat=n=${parts.length}:v=1[v]`;
  ffmpeg(...inputs, "-filter_complex", [...chains, all].join(";"), "-map", "[v]", "-c:v", "libx264", "-g", "250", path);
  let at = 0;
  return parts.slice(0, -1).map(([, frames]) => (at += frames) / 25);
}

Deno.test("findCuts() finds every cut between joined clips, to the frame, and none inside them", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "joined.mp4");
    const cuts = join25(path, [
      ["city_night_tower.webm", 31],
      ["cockatoo_approach.mp4", 40],
      ["coin_pen_audio.mp4", 50],
      ["tree_wind.avi", 22],
      ["hand_over_tree.avi", 30],
      ["sintel_dunes.mp4", 36],
    ]);
    const found = await findCuts(await probe(path));
    assert.deepEqual(found.cuts.map((time) => Math.round(time * 25)), cuts.map((time) => Math.round(time * 25)));
    assert.deepEqual(found.black, []);
  });
});

Deno.test("findCuts() finds no cut in the sample clips, each of which is one shot", async () => {
  const clips = readdirSync(CLIPS).filter((name) => /\.(mp4|mov|webm|avi)$/.test(name));
  const found = await Promise.all(clips.map(async (name) => findCuts(await probe(join(CLIPS, name)))));
  assert.deepEqual(found.map(({ cuts }) => cuts), clips.map(() => []));
});

Deno.test("findCuts() passes over a flash, and tells where it is black", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "flash.mp4");
    const flash = "drawbox=color=white:t=fill:enable='between(n,20,21)'";
    const fade = "fade=out:30:20";
    ffmpeg(
      "-i",
      join(CLIPS, "coin_pen_audio.mp4"),
      "-an",
      "-vf",
      `scale=320:180,${flash},${fade}`,
      "-frames:v",
      "90",
      path,
    );
    const { cuts, black } = await findCuts(await probe(path));
    assert.ok(!cuts.some((time) => time < 25 / 30), `${cuts}`);
    assert.equal(black.length, 1);
    const [start, end] = black[0] ?? [0, 0];
    assert.ok(start >= 47 / 30 && start <= 51 / 30 && end === 3, `${start} to ${end}`);
  });
});

Deno.test("findCuts() says so when nothing can be decoded", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "noise.mp4");
    ffmpeg("-i", join(CLIPS, "plant_window_tilt.mp4"), "-frames:v", "9", "-c:v", "libx264", path);
    const info = await probe(path);
    const bytes = Deno.readFileSync(path);
    const text = new TextDecoder("latin1").decode(bytes);
    const [from, to] = [text.indexOf("mdat") + 4, text.indexOf("moov") - 4];
    if (from < to) bytes.fill(0xa5, from, to);
    Deno.writeFileSync(path, bytes);
    await assert.rejects(findCuts(info), FileProblem);
  });
});
