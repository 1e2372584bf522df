import assert from "node:assert/strict";
import { join } from "node:path";
import { dataEvent, dataReport, planDataset } from "../../src/data/mod.ts";
import { dataConfig } from "../support/dataset.ts";
import { CLIPS } from "../support/media.ts";
import { withFolder } from "../support/tmp.ts";

Deno.test("dataReport() says of every file what is shown of it, and of buckets how full they are", async () => {
  await withFolder(async (cacheDir) => {
    const names = ["city_night_tower.webm", "still_cat.jpg", "sintel_dunes.mp4"];
    const missing = join(cacheDir, "empty.mp4");
    Deno.writeTextFileSync(missing, "");
    Deno.writeTextFileSync(join(cacheDir, "empty.txt"), "nothing");
    const sources = [...names.map((name) => ({ path: join(CLIPS, name), repeats: 3 })), { path: missing }];
    const plan = await planDataset(dataConfig({ sources, resolution: 256, numFrames: 33 }), {
      geometry: { spatialDivisor: 32, spatialStride: 16, temporalStride: 4, fps: 24 },
      cacheDir,
    });
    const report = dataReport(plan);
    const { used, rejected, items, seconds } = report.totals;
    assert.deepEqual([used, rejected], [3, 1]);
    assert.ok(Math.abs(seconds - (2.88 + 3)) < 0.01, String(seconds)); // of tests/data/manifest.json
    assert.deepEqual(report.files.map(({ path }) => path), names.map((name) => join(CLIPS, name)).sort());
    assert.equal(items, report.buckets.reduce((sum, bucket) => sum + bucket.items, 0));
    for (const bucket of report.buckets) {
      assert.equal(bucket.shown, 3 * bucket.items);
      assert.equal(bucket.bucket, `${bucket.width}x${bucket.height}x${bucket.frames}`);
    }
    for (const file of report.files) {
      assert.ok(file.secondsUsed <= file.seconds && file.captions.length > 0 && file.windows.length > 0);
      for (const { start, seconds: length, speed } of file.windows) {
        assert.equal(speed, 1);
        if (file.kind === "clip") assert.ok(start >= 0 && start + length <= file.seconds + 1 / 24, file.path);
      }
    }
    assert.deepEqual(report.rejected.map(({ path, code }) => [path, code]), [[missing, "empty_file"]]);
    const event = dataEvent(report);
    assert.ok(event.type === "data" && event.items === items && event.buckets.length === report.buckets.length);
    assert.deepEqual(JSON.parse(JSON.stringify(report.totals)), report.totals);
  });
});
