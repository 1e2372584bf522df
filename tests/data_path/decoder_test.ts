/** Windows that are decoded ahead: in order, within bounds, and nothing left behind. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { cacheKey } from "../../src/data/cache.ts";
import { Decoder } from "../../src/data/decoder.ts";
import { planDataset, type PlannedWindow } from "../../src/data/plan.ts";
import { dataConfig } from "../support/dataset.ts";
import { blockCounts, makeBlocks } from "../support/media.ts";
import { childProcesses, memoryFiles } from "../support/processes.ts";
import { withFolder } from "../support/tmp.ts";

const GEOMETRY = { spatialDivisor: 32, temporalStride: 4, spatialStride: 16, fps: 24 };
const SIZE = { width: 64, height: 64 };

/** Windows of nine frames, one after the other, of a clip whose frames show their number. */
async function withWindows(count: number, body: (windows: readonly PlannedWindow[]) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    makeBlocks(join(folder, "clip.mp4"), { frames: 9 * count, fps: 24, filters: ["scale=64:64:flags=neighbor"] });
    Deno.writeTextFileSync(join(folder, "clip.txt"), "blocks");
    const config = dataConfig({
      sources: [{ path: folder }],
      resolution: SIZE,
      numFrames: 9,
      frames: { strategy: "chunks" },
    });
    const { used } = await planDataset(config, { geometry: GEOMETRY, cacheDir: join(folder, "cache") });
    const windows = used.flatMap((planned) =>
      planned.plan.items.flatMap(({ variants }) => variants).map((window) => {
        return { planned, window, kind: "latents" as const, key: cacheKey("latents", { window }) };
      })
    );
    assert.equal(windows.length, count);
    await body(windows);
    assert.deepEqual([childProcesses(), memoryFiles()], [[], []]);
  });
}

Deno.test("Decoder gives each window its own frames, those that are left out in between included", async () => {
  await withWindows(6, async (windows) => {
    await using decoder = new Decoder(windows, { isWanted: () => true });
    for (const at of [0, 1, 4, 5, 2]) {
      const window = windows[at];
      assert.ok(window !== undefined);
      using frames = await decoder.take(window);
      assert.deepEqual(blockCounts(frames.pixels, SIZE), Array.from({ length: 9 }, (_, k) => 9 * at + k));
    }
  });
});

Deno.test("Decoder is never further ahead than two windows, and passes by what is not wanted", async () => {
  await withWindows(6, async (windows) => {
    const asked: number[] = [];
    const isWanted = (next: PlannedWindow): boolean => asked.push(windows.indexOf(next)) > 0 && next !== windows[2];
    await using decoder = new Decoder(windows, { isWanted });
    const [first, second] = windows;
    assert.ok(first !== undefined && second !== undefined);
    (await decoder.take(first))[Symbol.dispose]();
    assert.deepEqual(asked, [1, 2, 3]); // 1 and 3 are begun
    (await decoder.take(second))[Symbol.dispose]();
    assert.deepEqual(asked, [1, 2, 3, 4]);
  });
});

Deno.test("Decoder tells what is wrong with a window when it is taken, and goes on", async () => {
  await withWindows(3, async (windows) => {
    const [first, second, third] = windows;
    assert.ok(first !== undefined && second !== undefined && third !== undefined);
    const late = { ...second, window: { ...second.window, start: 60 } };
    await using decoder = new Decoder([first, late, third], { isWanted: () => true });
    (await decoder.take(first))[Symbol.dispose]();
    await assert.rejects(decoder.take(late), /frames came out/);
    using frames = await decoder.take(third);
    assert.equal(blockCounts(frames.pixels, SIZE)[0], 18);
  });
});

Deno.test("Decoder ends its children when the work is given up", async () => {
  await withWindows(4, async (windows) => {
    const stop = new AbortController();
    await using decoder = new Decoder(windows, { isWanted: () => true, signal: stop.signal });
    const [first, second] = windows;
    assert.ok(first !== undefined && second !== undefined);
    (await decoder.take(first))[Symbol.dispose]();
    stop.abort(new Error("enough"));
    await assert.rejects(decoder.take(second), /enough/);
  });
});
