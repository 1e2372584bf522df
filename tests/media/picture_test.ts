import assert from "node:assert/strict";
import { inflateSync } from "node:zlib";
import { join } from "node:path";
import fc from "fast-check";
import { contactSheet, coverCrop, encodePng, probe, readFrames, writePng } from "../../src/media/mod.ts";
import { readPictureHeader, withoutPngText } from "../../src/media/picture.ts";
import { sniff } from "../../src/media/sniff.ts";
import { CLIPS } from "../support/media.ts";
import { withFolder } from "../support/tmp.ts";

Deno.test("writePng() writes what ffmpeg reads back, pixel for pixel", async () => {
  const size = { width: 37, height: 21 };
  const rgb = Uint8Array.from({ length: 37 * 21 * 3 }, (_, at) => (at * 7919 + (at >> 5) * 31) & 255);
  await withFolder(async (folder) => {
    const path = join(folder, "noise.png");
    writePng(path, rgb, size);
    assert.equal((await probe(path)).pixelFormat, "rgb24");
    assert.deepEqual((await readFrames(path, { ...size, fps: 1, numFrames: 1 })).pixels, rgb);
  });
});

Deno.test("encodePng() refuses bytes that are not the picture", () => {
  assert.throws(() => encodePng(new Uint8Array(10), { width: 2, height: 2 }), RangeError);
});

Deno.test("withoutPngText() takes out text chunks and nothing else", () => {
  const plain = encodePng(new Uint8Array(12).fill(9), { width: 2, height: 2 });
  const text = Uint8Array.from([0, 0, 0, 3, 0x74, 0x45, 0x58, 0x74, 65, 0, 66, 1, 2, 3, 4]); // tEXt
  const with_ = Uint8Array.from([...plain.subarray(0, 33), ...text, ...plain.subarray(33)]);
  assert.deepEqual(withoutPngText(with_), plain);
  assert.equal(withoutPngText(plain), plain);
  assert.ok(inflateSync(plain.subarray(41, -16)).length > 0);
});

Deno.test("readPictureHeader() never reads past the end, whatever the bytes", () => {
  const starts = [[0xff, 0xd8, 0xff, 0xe1], [0x89, 0x50, 0x4e, 0x47], [
    ...new TextEncoder().encode("RIFF....WEBPVP8X"),
  ]];
  fc.assert(fc.property(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 200 }), (start, rest) => {
    readPictureHeader(Uint8Array.from([...start, ...rest]));
  }));
});

Deno.test("readPictureHeader() knows the three formats", () => {
  for (const [name, width, height] of [["still_cat.jpg", 451, 300], ["still_coffee.png", 600, 400]] as const) {
    const header = readPictureHeader(Deno.readFileSync(join(CLIPS, name)));
    assert.deepEqual([header?.width, header?.height], [width, height]);
  }
  const webp = readPictureHeader(Deno.readFileSync(join(CLIPS, "still_dahlia_portrait.webp")));
  assert.deepEqual([webp?.width, webp?.height, webp?.animated], [320, 427, false]);
});

Deno.test("sniff() goes by content", () => {
  assert.equal(sniff(new Uint8Array(0)), "empty");
  assert.equal(sniff(new Uint8Array(64)), "zeros");
  assert.equal(sniff(new TextEncoder().encode("hello there\n")), "text");
  assert.equal(sniff(Deno.readFileSync(join(CLIPS, "still_cat.jpg")).subarray(0, 64)), "jpeg");
});

Deno.test("coverCrop() scales the short side to fit and cuts the long one evenly", () => {
  const wide = { scaledWidth: 228, scaledHeight: 128, left: 50, top: 0, width: 128, height: 128 };
  assert.deepEqual(coverCrop({ width: 640, height: 360 }, { width: 128, height: 128 }), wide);
  const tall = coverCrop({ width: 360, height: 480 }, { width: 128, height: 128 });
  assert.deepEqual([tall.scaledWidth, tall.scaledHeight, tall.top], [128, 171, 21]);
});

Deno.test("coverCrop() always covers the target and stays inside the scaled picture", () => {
  const side = fc.integer({ min: 1, max: 5000 });
  fc.assert(fc.property(side, side, side, side, (w, h, width, height) => {
    const crop = coverCrop({ width: w, height: h }, { width, height });
    assert.ok(crop.left >= 0 && crop.left + width <= crop.scaledWidth);
    assert.ok(crop.top >= 0 && crop.top + height <= crop.scaledHeight);
    assert.ok(crop.scaledWidth === width || crop.scaledHeight === height);
  }));
});

Deno.test("contactSheet() puts rows below each other and spreads the columns", () => {
  const frames = (value: number): Uint8Array => new Uint8Array(9 * 16 * 16 * 3).fill(value);
  const rows = [{ label: "target", frames: frames(200) }, { label: "after", frames: frames(100) }];
  const { rgb, width, height } = contactSheet(rows, { width: 16, height: 16, columns: 3 });
  assert.equal(rgb.length, width * height * 3);
  assert.equal(rgb.filter((value) => value === 200).length, 3 * 16 * 16 * 3);
  assert.equal(rgb.filter((value) => value === 100).length, 3 * 16 * 16 * 3);
  assert.throws(() => contactSheet([], { width: 16, height: 16 }), RangeError);
});
