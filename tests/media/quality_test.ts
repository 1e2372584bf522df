import assert from "node:assert/strict";
import { join } from "node:path";
import { random } from "../../src/base/mod.ts";
import { compareVideos, describeVideo, figuresPath, psnr, writeFigures } from "../../src/media/mod.ts";
import { ssim } from "../../src/media/quality/ssim.ts";
import { withFolder } from "../support/tmp.ts";

const SIZE = { width: 48, height: 32 };
const AREA = SIZE.width * SIZE.height;

/** A grey video whose pixels are what `at` says. */
function video(frames: number, at: (frame: number, x: number, y: number) => number, size = SIZE): Uint8Array {
  const pixels = new Uint8Array(frames * size.width * size.height * 3);
  for (let f = 0, i = 0; f < frames; f++) {
    for (let y = 0; y < size.height; y++) {
      for (let x = 0; x < size.width; x++, i += 3) pixels.fill(at(f, x, y), i, i + 3);
    }
  }
  return pixels;
}

const near = (value: number | null, wanted: number, slack = 1e-3): void =>
  assert.ok(value !== null && Math.abs(value - wanted) <= slack, `${value} is not ${wanted}`);

Deno.test("describeVideo() of a still: nothing changes, every later frame is frozen", () => {
  const figures = describeVideo(video(5, () => 100), SIZE);
  assert.deepEqual({ ...figures, brightness: 0, contrast: 0 }, {
    ...{ numFrames: 5, width: 48, height: 32, brightness: 0, contrast: 0, sharpness: 0 },
    ...{ change: 0, flicker: 0, clippedDark: 0, clippedBright: 0, frozenFrames: 4 },
  });
  near(figures.brightness, 100);
  near(figures.contrast, 0, 0.1);
});

Deno.test("describeVideo() gives flicker as its amplitude, and none to fades and steady motion", () => {
  const flickering = describeVideo(video(8, (f) => 120 + (f % 2 === 0 ? 6 : -6)), SIZE);
  near(flickering.flicker, 6);
  near(flickering.change, 12);
  assert.equal(flickering.frozenFrames, 0);
  const fade = describeVideo(video(8, (f) => 40 + 10 * f), SIZE);
  near(fade.flicker, 0);
  near(fade.change, 10);
  const sliding = describeVideo(video(8, (f, x) => 3 * x + 5 * f), SIZE); // a ramp that moves to the left
  near(sliding.flicker, 0);
  near(sliding.change, 5);
  // half of the cells flicker
  near(describeVideo(video(8, (f, _, y) => y < 16 && f % 2 === 0 ? 108 : 100), SIZE).flicker, 2);
});

Deno.test("describeVideo() counts clipped values and frozen frames, noise aside", () => {
  const half = describeVideo(video(2, (_, x) => x < 12 ? 0 : x < 24 ? 255 : 90), SIZE);
  assert.deepEqual([half.clippedDark, half.clippedBright], [0.25, 0.25]);
  const stuck = describeVideo(
    video(6, (f, x, y) => f < 3 ? 60 + 20 * f : 100 + (f === 4 && x + y === 0 ? 1 : 0)),
    SIZE,
  );
  assert.equal(stuck.frozenFrames, 3);
  const single = describeVideo(video(1, () => 7), SIZE);
  assert.deepEqual([single.change, single.flicker, single.frozenFrames], [null, null, 0]);
});

Deno.test("describeVideo() gives the variance of the Laplacian as sharpness", () => {
  // a chequerboard of 100 ± 10: the Laplacian is ∓80 in turns
  near(describeVideo(video(1, (_, x, y) => (x + y) % 2 === 0 ? 110 : 90), SIZE).sharpness, 6400, 0.1);
  near(describeVideo(video(1, (_, x) => 2 * x), SIZE).sharpness, 0);
  const colour = new Uint8Array(AREA * 3).map((_, i) => i % 3 === 1 ? 200 : 0);
  near(describeVideo(colour, SIZE).brightness, 0.587 * 200);
  assert.throws(() => describeVideo(colour.subarray(1), SIZE), /no frames of 48x32/);
});

Deno.test("ssim() equals its definition, window by window", () => {
  const numbers = random(5);
  const size = { width: 14, height: 13 };
  const [a, b] = [1, 2].map(() => Float32Array.from({ length: 14 * 13 }, () => 255 * numbers.next())) as [
    Float32Array,
    Float32Array,
  ];
  // by hand: the sums of the paper over the 11 x 11 pixels around each inner one
  const weights = Array.from({ length: 121 }, (_, i) => {
    const [dx, dy] = [i % 11 - 5, Math.floor(i / 11) - 5];
    return Math.exp(-(dx * dx + dy * dy) / 4.5);
  });
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  for (let y = 0; y < 3; y++) {
    for (let x = 0; x < 4; x++) {
      const mean = (f: (i: number) => number): number =>
        weights.reduce((sum, w, k) => sum + w * f((y + Math.floor(k / 11)) * 14 + x + k % 11), 0) / total;
      const [ma, mb] = [mean((i) => a[i] ?? 0), mean((i) => b[i] ?? 0)];
      const va = mean((i) => ((a[i] ?? 0) - ma) ** 2);
      const vb = mean((i) => ((b[i] ?? 0) - mb) ** 2);
      const cov = mean((i) => ((a[i] ?? 0) - ma) * ((b[i] ?? 0) - mb));
      sum += ((2 * ma * mb + 6.5025) * (2 * cov + 58.5225)) / ((ma * ma + mb * mb + 6.5025) * (va + vb + 58.5225));
    }
  }
  near(ssim(a, b, size), sum / 12, 1e-9);
  assert.throws(() => ssim(a, b, { width: 10, height: 13 }), /sides of 11 pixels/);
});

Deno.test("compareVideos() of equal videos is perfect; offsets and noise have the values they must", () => {
  const ramp = video(3, (f, x, y) => 40 + 2 * x + y + f);
  const same = compareVideos(ramp, ramp, SIZE);
  assert.equal(same.psnr, Infinity);
  near(same.ssim, 1, 1e-9);
  const brighter = ramp.map((value) => value + 5);
  near(compareVideos(ramp, brighter, SIZE).psnr, 20 * Math.log10(255 / 5), 1e-9);
  // flat pictures have only the first factor: (2·m·n + C1) / (m² + n² + C1)
  const flat = compareVideos(video(1, () => 100), video(1, () => 120), SIZE);
  near(flat.ssim, (2 * 100 * 120 + 6.5025) / (100 ** 2 + 120 ** 2 + 6.5025), 1e-4);
  const numbers = random(1);
  const last = ramp.map((value, i) => i < 2 * AREA * 3 ? value : value + numbers.integer(41) - 20);
  const noisy = compareVideos(ramp, last, SIZE);
  assert.ok(noisy.worstSsim < 0.9 && noisy.ssim > noisy.worstSsim + 0.05);
  near(noisy.ssim, (2 + noisy.worstSsim) / 3, 1e-6);
  assert.equal(psnr(ramp, last), noisy.psnr);
  assert.throws(() => compareVideos(ramp, ramp.subarray(AREA * 3), SIZE), /two videos of one size/);
});

Deno.test("writeFigures() puts the figures beside the video", () =>
  withFolder((folder) => {
    const path = writeFigures(join(folder, "step-1.mp4"), video(4, (f) => 100 + f), SIZE);
    assert.equal(path, join(folder, "step-1.mp4.json"));
    assert.equal(figuresPath("a.b/sample"), "a.b/sample.json");
    const { quality } = JSON.parse(Deno.readTextFileSync(path));
    assert.deepEqual([quality.numFrames, quality.change, quality.frozenFrames], [4, 1, 0]);
    writeFigures(join(folder, "step-1.mp4"), video(5, (f) => 100 + f), SIZE);
    assert.equal(JSON.parse(Deno.readTextFileSync(path)).quality.numFrames, 5);
  }));

Deno.test("writeFigures() replaces nothing that is no figures", () =>
  withFolder((folder) => {
    for (const content of ['{ "mine": 1 }', "[1]", "no JSON"]) {
      Deno.writeTextFileSync(join(folder, "note.mp4.json"), content);
      const write = () => writeFigures(join(folder, "note.mp4"), video(1, () => 100), SIZE);
      assert.throws(write, /note\.mp4\.json": something else has that name/);
      assert.equal(Deno.readTextFileSync(join(folder, "note.mp4.json")), content);
    }
  }));
