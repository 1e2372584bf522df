import assert from "node:assert/strict";
import fc from "fast-check";
import { augmentWindow } from "../../src/data/augment.ts";
import { changeColors } from "../../src/data/color.ts";
import { leakFree, useTorch } from "../support/torch.ts";
import { tensor, tidy } from "../../src/torch/mod.ts";

await useTorch();

const OFF = { flip: 0, cropJitter: 0, frameDropout: 0, color: 0 };
const CROP = { scaledWidth: 114, scaledHeight: 64, left: 25, top: 0, width: 64, height: 64 };
const WINDOW = { start: 1, frames: 17, fps: 16, speed: 1, crop: CROP };
const place = (
  variant: number,
  numVariants = 8,
): { seed: bigint; item: number; variant: number; numVariants: number } => ({
  seed: 9n,
  item: 0,
  variant,
  numVariants,
});

Deno.test("augmentWindow() changes nothing when all is off", () => {
  assert.equal(augmentWindow(WINDOW, { augment: OFF, place: place(0) }), WINDOW);
});

Deno.test("augmentWindow() flips the wanted share of an item's variants", () => {
  const flips = (flip: number): number => {
    const all = Array.from(
      { length: 8 },
      (_, k) => augmentWindow(WINDOW, { augment: { ...OFF, flip }, place: place(k) }),
    );
    return all.filter(({ augmentation }) => augmentation?.flip).length;
  };
  assert.deepEqual([1, 0.5].map(flips), [8, 4]);
  assert.ok([2, 3].includes(flips(0.3)));
});

Deno.test("augmentWindow() keeps the crop's size and lets it lie anywhere inside the enlarged picture", () => {
  fc.assert(fc.property(fc.nat(), fc.double({ min: 0.01, max: 0.5, noNaN: true }), (item, cropJitter) => {
    const augment = { ...OFF, cropJitter };
    const { crop } = augmentWindow(WINDOW, { augment, place: { ...place(0), item } });
    assert.deepEqual([crop.width, crop.height], [64, 64]);
    assert.ok(crop.scaledWidth >= 114 && crop.scaledWidth <= Math.round(114 * (1 + cropJitter)));
    assert.ok(crop.left >= 0 && crop.left + 64 <= crop.scaledWidth);
    assert.ok(crop.top >= 0 && crop.top + 64 <= crop.scaledHeight);
  }));
});

Deno.test("augmentWindow() holds about the wanted share of frames, never the first, and repeats its draws", () => {
  const augment = { ...OFF, frameDropout: 0.25 };
  const window = { ...WINDOW, frames: 4001 };
  const { augmentation } = augmentWindow(window, { augment, place: place(2) });
  const held = augmentation?.held ?? [];
  assert.ok(held.length > 900 && held.length < 1100 && !held.includes(0), `${held.length}`);
  assert.deepEqual(augmentWindow(window, { augment, place: place(2) }).augmentation, augmentation);
  assert.notDeepEqual(augmentWindow(window, { augment, place: place(3) }).augmentation, augmentation);
});

Deno.test("augmentWindow() draws one colour change within its strength", () => {
  const colors = Array.from({ length: 100 }, (_, item) => {
    const { augmentation } = augmentWindow(WINDOW, { augment: { ...OFF, color: 0.5 }, place: { ...place(0), item } });
    return augmentation?.color ?? { brightness: NaN, contrast: NaN, saturation: NaN, hue: NaN };
  });
  const most = (values: readonly number[]): number => Math.max(...values.map(Math.abs));
  for (
    const value of [
      most(colors.map(({ brightness }) => brightness)),
      most(colors.map(({ contrast }) => contrast - 1)),
    ]
  ) {
    assert.ok(value > 0.08 && value <= 0.1, `${value}`);
  }
  assert.ok(most(colors.map(({ hue }) => hue)) <= 9);
});

Deno.test("changeColors() keeps grey under hue and saturation, and all frames change alike", () =>
  leakFree(() =>
    tidy(() => {
      const values = [-0.5, 0.25, -0.5, 0.25, -0.5, 0.25, 0.5, 0.5, 0, 0, -1, -1]; // [1, 3, 2, 1, 2]: r, g, b
      const frames = tensor(values, { shape: [1, 3, 2, 1, 2] });
      const still = { brightness: 0, contrast: 1, saturation: 1, hue: 0 };
      assert.ok(near(changeColors(frames, still).toNumbers(), values));
      const grey = tensor([0.3, 0.3, 0.3], { shape: [1, 3, 1, 1, 1] });
      assert.ok(near(changeColors(grey, { ...still, hue: 40, saturation: 1.3 }).toNumbers(), [0.3, 0.3, 0.3]));
      assert.ok(
        near(changeColors(grey, { ...still, contrast: 1.2, brightness: 0.05 }).toNumbers(), [0.46, 0.46, 0.46]),
      );
      const dull = changeColors(frames, { ...still, saturation: 0 }).toNumbers();
      assert.ok([0, 1, 2, 3].every((at) => Math.abs((dull[at] ?? 0) - (dull[at + 4] ?? 1)) < 1e-6)); // red = green
      const red = tensor([1, -1, -1], { shape: [1, 3, 1, 1, 1] });
      const [r = 0, g = 0, b = 0] = changeColors(red, { ...still, hue: 15 }).toNumbers();
      assert.ok(r > g && r > b && g !== b, `${[r, g, b]}`);
    })
  ));

function near(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, at) => Math.abs(value - (b[at] ?? NaN)) < 1e-6);
}
