import assert from "node:assert/strict";
import { full, Generator, rand, type Tensor, tensor } from "../../src/torch/mod.ts";
import { fitPicture, sizeForPicture } from "../../src/wan/picture.ts";
import { resizePicture } from "../../src/wan/resize.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

function assertNear(found: Tensor, wanted: readonly number[]): void {
  const values = found.toNumbers();
  assert.equal(values.length, wanted.length);
  values.forEach((value, i) => assert(Math.abs(value - (wanted[i] ?? NaN)) < 2e-6, `${i}: ${value}, not ${wanted[i]}`));
}

Deno.test("resizePicture() interpolates as torch's bicubic does", () => {
  leakFree(() => {
    // x = torch.arange(12).float().reshape(1, 1, 3, 4) ** 1.5 / 10; interpolate(x, size=size, mode="bicubic")
    const values = Array.from({ length: 12 }, (_, i) => i ** 1.5 / 10);
    const x = tensor(values, { shape: [1, 1, 3, 4] });
    // deno-fmt-ignore
    assertNear(resizePicture(x, { height: 5, width: 6, filter: "bicubic" }), [
      -0.083664, -0.052888, 0.02918, 0.127022, 0.295927, 0.411044, 0.189804, 0.270554, 0.425912, 0.565225, 0.786904,
      0.932068, 0.772393, 0.926049, 1.189473, 1.391557, 1.693828, 1.885215, 1.717495, 1.915693, 2.248808, 2.496533,
      2.859594, 3.086878, 2.364215, 2.583183, 2.950078, 3.221635, 3.617082, 3.863782,
    ]);
    assertNear(
      resizePicture(x, { height: 2, width: 3, filter: "bicubic" }),
      [0.146894, 0.372299, 0.72392, 2.011749, 2.59429, 3.228744],
    );
  });
});

Deno.test("resizePicture() keeps constants and pictures of the same size, by either filter", () => {
  leakFree(() => {
    using generator = Generator.seeded(1);
    const picture = rand([1, 3, 5, 7], { generator });
    for (const filter of ["bicubic", "lanczos"] as const) {
      assertNear(resizePicture(picture, { height: 5, width: 7, filter }), picture.toNumbers());
      const grey = resizePicture(full([1, 3, 9, 4], 0.25), { height: 3, width: 11, filter });
      assertNear(grey, Array(3 * 3 * 11).fill(0.25));
    }
  });
});

Deno.test("resizePicture() filters by the published Lanczos formula", () => {
  leakFree(() => {
    // sinc(x)·sinc(x/3) in Python, weights normalised, of k²/10 for k = 0 … 7
    const row = tensor(Array.from({ length: 8 }, (_, k) => k * k / 10), { shape: [1, 1, 1, 8] });
    const resized = (width: number): Tensor => resizePicture(row, { height: 1, width, filter: "lanczos" });
    assertNear(resized(3), [0.065746, 1.225, 3.830146]);
    // deno-fmt-ignore
    assertNear(resized(12), [
      -0.000658, 0.025917, 0.132587, 0.343724, 0.625, 0.991014, 1.483684, 2.025, 2.637864, 3.348652, 4.405623, 4.988375,
    ]);
  });
});

Deno.test("sizeForPicture() gives the release's sizes", () => {
  const ti2v = { variant: { image: "first-frame" }, spatialDivisor: 32 } as const;
  const i2v = { variant: { image: "channels" }, spatialDivisor: 16 } as const;
  const sizes = [[1920, 1080], [1000, 1000], [600, 1100], [333, 777], [4000, 900], [1280, 704]] as const;
  const of = (model: typeof ti2v | typeof i2v, area: number): string[] =>
    sizes.map(([width, height]) => {
      const size = sizeForPicture(model, { picture: { width, height }, area });
      return `${size.width}x${size.height}`;
    });
  // best_output_size(w, h, 32, 32, 704 * 1280)
  assert.deepEqual(of(ti2v, 704 * 1280), ["1248x704", "960x928", "704x1280", "608x1440", "1984x448", "1280x704"]);
  // round(sqrt(area * aspect) // 8 // 2 * 2) * 8
  assert.deepEqual(of(i2v, 720 * 1280).slice(0, 4), ["1280x720", "960x960", "704x1296", "624x1456"]);
  assert.deepEqual(of(i2v, 480 * 832).slice(0, 4), ["832x464", "624x624", "464x848", "400x960"]);
});

Deno.test("fitPicture() stretches for I2V, and covers and cuts for TI2V", () => {
  leakFree(() => {
    const ramp = tensor(Array.from({ length: 3 * 4 * 12 }, (_, i) => (i % 12) / 11 * 2 - 1), { shape: [1, 3, 4, 12] });
    const stretched = fitPicture(ramp, { width: 4, height: 4, image: "channels" });
    const cut = fitPicture(ramp, { width: 4, height: 4, image: "first-frame" });
    assert.deepEqual([stretched.shape, cut.shape], [[1, 3, 4, 4], [1, 3, 4, 4]]);
    assert(stretched.amax().item() > 0.7, "both ends are there");
    assert.deepEqual(
      cut.select(1, 0).select(1, 0).toNumbers(),
      ramp.narrow(3, 4, 4).select(1, 0).select(1, 0).toNumbers(),
    );
  });
});
