import assert from "node:assert/strict";
import { join } from "node:path";
import { maskToLatents } from "../../src/data/mask.ts";
import { cat, full, type Tensor, tidy } from "../../src/torch/mod.ts";
import { prepare } from "../support/dataset.ts";
import { CLIPS, ffmpeg } from "../support/media.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const TINY = {
  resolution: { width: 64, height: 64 },
  numFrames: 9,
  fps: 8,
  captionDropout: 0,
  frames: { strategy: "head" },
};

Deno.test("maskToLatents() takes the first frame alone, then means over four frames and over each cell", () =>
  leakFree(() =>
    tidy(() => {
      const frame = (left: number, right: number): Tensor =>
        cat([full([1, 3, 1, 16, 16], left), full([1, 3, 1, 16, 16], right)], 4); // [1, 3, 1, 16, 32]
      const frames = cat([frame(1, -1), frame(1, 1), frame(-1, 1), frame(-1, 1), frame(-1, 0)], 2);
      const mask = maskToLatents(frames, { spatialStride: 16, temporalStride: 4, numFrames: 5 });
      assert.deepEqual(mask.shape, [1, 1, 2, 1, 2]);
      assert.deepEqual(mask.toNumbers(), [1, 0, 0.25, 0.875]);
      const still = maskToLatents(frame(1, -1), { spatialStride: 8, temporalStride: 4, numFrames: 9 });
      assert.deepEqual(still.shape, [1, 1, 3, 2, 4]);
      assert.deepEqual(still.toNumbers().slice(16), [1, 1, 0, 0, 1, 1, 0, 0]);
    })
  ));

/** A condition that shows which picture it was made of: its mean colours and the number of frames. */
function encodeCondition(image: Tensor, { numFrames }: { numFrames: number }): Tensor {
  return tidy(() => {
    assert.deepEqual(image.shape.slice(0, 3), [1, 3, 1]);
    const colors = image.mean([3, 4], true); // [1, 3, 1, 1, 1]
    return cat([colors, full([1, 1, 1, 1, 1], numFrames)], 1).expand([1, 4, (numFrames - 1) / 4 + 1, 4, 4])
      .contiguous();
  });
}

Deno.test("a batch brings masks and conditions under the window of each clip", async () => {
  await withFolder(async (folder) => {
    const data = join(folder, "clips");
    Deno.mkdirSync(data);
    for (const name of ["plant_window_tilt", "tree_wind"]) {
      Deno.writeTextFileSync(join(data, `${name}.txt`), name);
    }
    Deno.copyFileSync(join(CLIPS, "plant_window_tilt.mp4"), join(data, "plant_window_tilt.mp4"));
    Deno.copyFileSync(join(CLIPS, "tree_wind.avi"), join(data, "tree_wind.avi"));
    // white on the left half, in the clip's own shape and time, at another size
    const half = "drawbox=x=0:w=iw/2:color=white:t=fill";
    ffmpeg(
      "-f",
      "lavfi",
      "-i",
      `color=black:s=160x120:r=12,${half}`,
      "-frames:v",
      "36",
      join(data, "plant_window_tilt_mask.mp4"),
    );
    ffmpeg("-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1", join(data, "tree_wind_image.png"));
    const list = [
      { file_name: "plant_window_tilt.mp4", text: "a plant", mask: "plant_window_tilt_mask.mp4" },
      { file_name: "tree_wind.avi", text: "a tree", image: "tree_wind_image.png" },
    ];
    Deno.writeTextFileSync(join(data, "captions.jsonl"), list.map((line) => JSON.stringify(line)).join("\n"));
    const values = { ...TINY, augment: { flip: 1 }, sources: [{ path: data }] };
    const options = { cacheDir: join(folder, "cache"), encodeCondition };
    const { dataset } = await prepare(values, options);
    assert.deepEqual(dataset.items.map(({ path }) => path.slice(data.length + 1)), [
      "plant_window_tilt.mp4",
      "tree_wind.avi",
    ]);
    tidy(() => {
      const { items, mask, condition } = dataset.batch(0, { batchSize: 2, seed: 0 });
      assert.ok(mask !== undefined && condition !== undefined);
      assert.deepEqual([mask.shape, condition.shape], [[2, 1, 3, 4, 4], [2, 4, 3, 4, 4]]);
      const [plant, tree] = items[0]?.path.includes("plant") ? [0, 1] : [1, 0];
      const rows = mask.select(0, plant).reshape([3, 4, 4]).toNumbers();
      for (let row = 0; row < 12; row++) { // mirrored, so that the right half is white; the crop keeps the middle
        const [a = 1, b = 1, c = 0, d = 0] = rows.slice(4 * row, 4 * row + 4);
        assert.ok(a < 0.02 && b < 0.1 && c > 0.9 && d > 0.98, `${[a, b, c, d]}`);
      }
      assert.ok(mask.select(0, tree).equal(full([1, 3, 4, 4], 1)));
      const [r = 0] = condition.select(0, tree).narrow(0, 0, 1).reshape([-1]).toNumbers();
      const green = condition.select(0, tree).narrow(0, 1, 1).reshape([-1]).toNumbers()[0] ?? 0;
      assert.ok(r > 0.95 && green < -0.95, `${r} ${green}`);
      assert.equal(condition.select(0, plant).narrow(0, 3, 1).mean().item(), 9);
      assert.ok(Math.abs(condition.select(0, plant).narrow(0, 0, 1).mean().item()) < 0.9);
    });
    // only what a change touches is made anew
    ffmpeg("-f", "lavfi", "-i", "color=blue:s=64x64", "-frames:v", "1", join(data, "tree_wind_image.png"));
    const again = await prepare(values, options);
    assert.deepEqual(again.dataset.numEncoded, { latents: 0, text: 0, condition: 1, mask: 0 });
    assert.notEqual(again.dataset.fingerprint, dataset.fingerprint);
    const without = await prepare(values, { cacheDir: join(folder, "cache") });
    assert.equal(without.dataset.items.at(0)?.conditionKeys, undefined);
  });
});

Deno.test("a clip whose mask is missing or too short is rejected with the reason", async () => {
  await withFolder(async (folder) => {
    const data = join(folder, "clips");
    Deno.mkdirSync(data);
    Deno.copyFileSync(join(CLIPS, "plant_window_tilt.mp4"), join(data, "a.mp4"));
    ffmpeg("-f", "lavfi", "-i", "color=white:s=320x240:r=12", "-frames:v", "4", join(data, "short.mp4"));
    const list = { file_name: "a.mp4", text: "a plant", mask: "short.mp4" };
    Deno.writeTextFileSync(join(data, "captions.jsonl"), JSON.stringify(list));
    const values = { ...TINY, sources: [{ path: data }] };
    await assert.rejects(
      prepare(values, { cacheDir: join(folder, "cache") }),
      /its mask "short\.mp4": only 4 .*frames came out/,
    );
  });
});
