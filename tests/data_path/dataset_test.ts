import assert from "node:assert/strict";
import { join } from "node:path";
import { DataError } from "../../src/base/mod.ts";
import { choiceAt } from "../../src/data/dataset.ts";
import { type FrameSource, frameSource } from "../../src/data/mod.ts";
import { liveHandles, type Tensor, tidy } from "../../src/torch/mod.ts";
import { prepare } from "../support/dataset.ts";
import { CLIPS, ffmpeg } from "../support/media.ts";
import { withFolder } from "../support/tmp.ts";
import { useTorch } from "../support/torch.ts";

await useTorch();

/** Settings of the built-in tiny model's experiment. */
const TINY = {
  resolution: { width: 128, height: 128 },
  numFrames: 9,
  fps: 8,
  captionDropout: 0,
  frames: { strategy: "head" },
};
const COCKATOOS = ["cockatoo_approach", "cockatoo_profile_rot90", "cockatoo_retreat_vfr"];

/** Copies clips or stills with their captions. */
function copy(folder: string, ...names: readonly string[]): void {
  for (const { name } of Deno.readDirSync(CLIPS)) {
    if (names.some((stem) => name.startsWith(`${stem}.`))) Deno.copyFileSync(join(CLIPS, name), join(folder, name));
  }
}

/** Runs a body with a folder of clips and one for the cache. */
async function withClips(
  names: readonly string[],
  body: (data: string, cacheDir: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const data = join(folder, "clips");
    Deno.mkdirSync(data);
    copy(data, ...names);
    await body(data, join(folder, "cache"));
  });
}

Deno.test("frameSource() maps bytes to [-1, 1], frames behind channels", () => {
  tidy(() => {
    const pixels = Uint8Array.from([0, 51, 255, 0, 102, 255, 0, 51, 255, 255, 102, 0]); // [2, 1, 2, 3]
    const video = frameSource({ pixels, numFrames: 2, height: 1, width: 2, sourceTimes: [] });
    assert.deepEqual(video.shape, [1, 3, 2, 1, 2]);
    const frames = video.frames(0, 2);
    assert.deepEqual(frames.shape, video.shape);
    assert.deepEqual(video.frames(1, 1).toNumbers(), frames.narrow(2, 1, 1).toNumbers());
    const round = frames.toNumbers().map((value) => Math.round(value * 1e6) / 1e6);
    assert.deepEqual(round, [-1, -1, -1, 1, -0.6, -0.2, -0.6, -0.2, 1, 1, 1, -1]);
  });
});

Deno.test("prepareDataset() encodes each clip once and gives batches of latents and embeddings", async () => {
  const before = liveHandles();
  await withClips(COCKATOOS, async (data, cacheDir) => {
    const values = { ...TINY, sources: [{ path: data }] };
    const { dataset, events, calls } = await prepare(values, { cacheDir });
    assert.deepEqual(calls.videos, [[1, 3, 9, 128, 128], [1, 3, 9, 128, 128], [1, 3, 9, 128, 128]]);
    assert.equal(calls.captions.length, 3);
    assert.deepEqual(dataset.items.map(({ bucket, frames, fps }) => [bucket, frames, fps]), [
      ["128x128x9", 9, 8],
      ["128x128x9", 9, 8],
      ["128x128x9", 9, 8],
    ]);
    const used = events.filter((event) => event.type === "file" && event.status === "used");
    assert.deepEqual(used[0], {
      type: "file",
      path: join(data, "cockatoo_approach.mp4"),
      status: "used",
      windows: 1,
      frames: 9,
      fps: 8,
      width: 128,
      height: 128,
      crop: { x: 50, y: 0, width: 128, height: 128 },
    });
    tidy(() => {
      const batch = dataset.batch(0, { batchSize: 4, seed: 0 });
      assert.deepEqual(batch.latents.shape, [4, 3, 3, 8, 8]);
      assert.equal(batch.latents.dtype, "float32");
      batch.captions.forEach((caption, at) => assert.equal(batch.text[at]?.size(0), caption.length));
    });
    const again = await prepare(values, { cacheDir });
    assert.deepEqual(again.calls, { videos: [], captions: [] });
    assert.deepEqual([...again.dataset.items], [...dataset.items]);
    assert.equal(again.dataset.fingerprint, dataset.fingerprint);
    Deno.writeTextFileSync(join(data, "cockatoo_approach.txt"), "another caption");
    assert.notEqual((await prepare(values, { cacheDir })).dataset.fingerprint, dataset.fingerprint);
  });
  assert.equal(liveHandles(), before);
});

Deno.test("prepareDataset() encodes anew whatever a setting or an encoder changes, and nothing else", async () => {
  await withClips(["plant_window_tilt"], async (data, cacheDir) => {
    const values = { ...TINY, sources: [{ path: data }] };
    const count = async (change: object, options: object = {}): Promise<number[]> => {
      const { calls } = await prepare({ ...values, ...change }, { cacheDir, ...options });
      return [calls.videos.length, calls.captions.length];
    };
    assert.deepEqual(await count({}), [1, 1]);
    assert.deepEqual(await count({ numFrames: 5 }), [1, 0]);
    assert.deepEqual(await count({ fps: 12 }), [1, 0]);
    assert.deepEqual(await count({ resolution: { width: 96, height: 96 } }), [1, 0]);
    assert.deepEqual(await count({ triggerWord: "ohwx" }), [0, 1]);
    assert.deepEqual(await count({}, { fingerprints: { video: "v2", text: "t1" } }), [1, 0]);
    assert.deepEqual(await count({}, { fingerprints: { video: "v1", text: "t2" } }), [0, 1]);
    assert.deepEqual(await count({ captionDropout: 0.1 }), [0, 1]);
    Deno.writeTextFileSync(join(data, "plant_window_tilt.txt"), "another caption");
    assert.deepEqual(await count({}), [0, 1]);
    copy(data, "tree_wind");
    assert.deepEqual(await count({}), [1, 1], "a clip that is added");
    Deno.removeSync(join(data, "tree_wind.avi"));
    Deno.renameSync(join(data, "plant_window_tilt.mp4"), join(data, "b.mp4"));
    Deno.renameSync(join(data, "plant_window_tilt.txt"), join(data, "b.txt"));
    assert.deepEqual(await count({}), [0, 0]);
  });
});

Deno.test("Dataset.batch() follows from its arguments alone, caption dropout included", async () => {
  await withClips([...COCKATOOS, "still_cat"], async (data, cacheDir) => {
    const values = { ...TINY, captionDropout: 0.5, sources: [{ path: data }] };
    const options = { batchSize: 2, seed: 3, captionDropout: 0.5 };
    const tell = async (numbers: readonly number[]): Promise<unknown[]> => {
      const { dataset } = await prepare(values, { cacheDir });
      return numbers.map((index) =>
        tidy(() => {
          const { latents, captions, items, epoch } = dataset.batch(index, options);
          return { sum: latents.sum().item(), captions, paths: items.map(({ path }) => path), epoch };
        })
      );
    };
    const forward = await tell([0, 1, 2, 3, 4, 5, 6, 7]);
    const resumed = await tell([5, 6, 7]);
    assert.deepEqual(resumed, forward.slice(5));
    const shown = JSON.stringify(forward);
    assert.ok(shown.includes('""') && shown.includes("cockatoo with"), "some captions dropped, some kept");
  });
});

Deno.test("choiceAt() shows every variant before one comes again, in an order that follows from seed, item and turn", () => {
  const turns = Array.from(
    { length: 40 },
    (_, turn) => choiceAt(turn, { purpose: "data.variant", item: 3, count: 4, seed: 7 }),
  );
  for (let at = 0; at < 40; at += 4) assert.deepEqual(turns.slice(at, at + 4).toSorted(), [0, 1, 2, 3]);
  assert.notEqual(
    new Set(Array.from({ length: 10 }, (_, round) => turns.slice(4 * round, 4 * round + 4).join())).size,
    1,
  );
  const others = [{ item: 4, seed: 7 }, { item: 3, seed: 8 }].map((which) =>
    Array.from({ length: 40 }, (_, turn) => choiceAt(turn, { purpose: "data.variant", ...which, count: 4 })).join()
  );
  assert.equal(new Set([turns.join(), ...others]).size, 3);
  assert.equal(choiceAt(17, { purpose: "data.variant", item: 0, count: 1, seed: 0 }), 0);
});

Deno.test("an item with something drawn is cached in variants, and every epoch shows another", async () => {
  await withClips(["coin_pen_audio", "still_cat"], async (data, cacheDir) => {
    const frames = { strategy: "random", variants: 3 };
    const values = { ...TINY, frames, augment: { flip: 0.5, color: 0.5 }, sources: [{ path: data }] };
    const { dataset, calls } = await prepare(values, { cacheDir });
    assert.deepEqual(dataset.items.map(({ latentsKeys }) => new Set(latentsKeys).size), [3, 3]);
    assert.equal(calls.videos.length, 6);
    const options = { batchSize: 1, seed: 1 };
    const seen = new Map<string, number[]>();
    for (let index = 0; index < 3 * dataset.batchesPerEpoch(options); index++) {
      tidy(() => {
        const { items, variants, latents } = dataset.batch(index, options);
        const [item, variant] = [items[0], variants[0] ?? -1];
        assert.ok(item !== undefined);
        assert.equal(latents.sub(dataset.latents(item, variant)).abs().amax().item(), 0);
        seen.set(item.path, [...seen.get(item.path) ?? [], variant]);
      });
    }
    for (const variants of seen.values()) assert.deepEqual(variants.toSorted(), [0, 1, 2]);
    assert.deepEqual((await prepare(values, { cacheDir })).calls.videos, []);
  });
});

Deno.test("uniform says by how much it changes the speed", async () => {
  await withClips(["coin_pen_audio"], async (data, cacheDir) => {
    const values = { ...TINY, frames: { strategy: "uniform" }, sources: [{ path: data }] };
    const { dataset, events } = await prepare(values, { cacheDir });
    const speed = dataset.items.at(0)?.speed ?? 0;
    assert.ok(Math.abs(speed - 119 / 30) < 1e-3, `${speed}`); // the last of 120 frames at 30 fps becomes the ninth at 8
    const used = events.filter((event) => event.type === "file" && event.status === "used");
    assert.deepEqual(used.map((event) => event.speed), [speed]);
    const warnings = events.flatMap((event) => event.type === "warning" ? [event.message] : []);
    assert.match(warnings.join(), /1\.00 to 3\.97 times its real speed/);
  });
});

Deno.test("Dataset.prefetch() reads ahead and leaves it to batch() to tell what is missing", async () => {
  await withClips(["plant_window_tilt"], async (data, cacheDir) => {
    const { dataset } = await prepare({ ...TINY, sources: [{ path: data }] }, { cacheDir });
    const options = { batchSize: 2, seed: 0 };
    await dataset.prefetch(7, options);
    Deno.removeSync(cacheDir, { recursive: true });
    await dataset.prefetch(7, options);
    assert.throws(() => dataset.batch(7, options), DataError);
  });
});

Deno.test("stills and short clips go into buckets of their own", async () => {
  await withClips(["still_cat", "still_dahlia_portrait", "coin_pen_audio"], async (data, cacheDir) => {
    ffmpeg("-i", join(data, "coin_pen_audio.mp4"), "-frames:v", "24", "-an", join(data, "short.mp4"));
    Deno.writeTextFileSync(join(data, "short.txt"), "short");
    const { dataset } = await prepare({ ...TINY, resolution: 128, fps: 24, numFrames: 33, sources: [{ path: data }] }, {
      cacheDir,
    });
    assert.deepEqual(dataset.items.map(({ bucket }) => bucket), [
      "160x96x33",
      "160x96x17",
      "160x96x1",
      "96x160x1",
    ]);
    assert.equal(dataset.batchesPerEpoch({ batchSize: 2, seed: 0 }), 4);
  });
});

Deno.test("a bad file is rejected with its reason and the run goes on, or stops, by config", async () => {
  await withClips(["plant_window_tilt"], async (data, cacheDir) => {
    Deno.writeFileSync(join(data, "bad.mp4"), new Uint8Array(0));
    Deno.writeTextFileSync(join(data, "bad.txt"), "bad");
    const values = { ...TINY, sources: [{ path: data }] };
    const { dataset, events } = await prepare(values, { cacheDir });
    assert.equal(dataset.items.length, 1);
    assert.deepEqual(events.filter((event) => event.type === "file" && event.status === "rejected"), [{
      type: "file",
      path: join(data, "bad.mp4"),
      status: "rejected",
      code: "empty_file",
      reason: "the file is empty (0 bytes)",
      cure: "replace it with the real file or remove it",
    }]);
    await assert.rejects(prepare({ ...values, onBadFile: "stop" }, { cacheDir }), (error: DataError) => {
      assert.ok(error instanceof DataError);
      assert.match(error.message, /^Cannot use ".*bad.mp4": the file is empty \(0 bytes\)$/);
      assert.equal(error.exitCode, 3);
      return true;
    });
  });
});

Deno.test("prepareDataset() says why nothing is usable", async () => {
  await withClips([], async (data, cacheDir) => {
    const values = { ...TINY, sources: [{ path: data }] };
    await assert.rejects(prepare(values, { cacheDir }), /there is no clip or picture in the sources/);
    Deno.writeTextFileSync(join(data, "a.mp4"), "hello");
    await assert.rejects(
      prepare(values, { cacheDir }),
      /1 files were rejected, the first: ".*a.mp4": it has no caption/,
    );
  });
});

Deno.test("a file that changes between the look and the reading is left out", async () => {
  await withClips(["plant_window_tilt", "tree_wind"], async (data, cacheDir) => {
    let first = true;
    const { dataset, calls } = await prepare({ ...TINY, sources: [{ path: data }] }, { cacheDir });
    assert.equal(calls.videos.length, 2);
    const stand = await prepare({ ...TINY, numFrames: 5, sources: [{ path: data }] }, {
      cacheDir,
      encodeVideo: (video: FrameSource): Tensor => {
        if (first) {
          first = false;
          Deno.writeFileSync(join(data, "tree_wind.avi"), new Uint8Array(9), { append: true });
        }
        return video.frames(0, 5);
      },
    });
    assert.equal(dataset.items.length, 2);
    assert.deepEqual(stand.dataset.rejected.map(({ reason }) => reason), ["it was changed while it was read"]);
  });
});

Deno.test("two runs at once share the work", async () => {
  await withClips([...COCKATOOS, "plant_window_tilt", "tree_wind"], async (data, cacheDir) => {
    const values = { ...TINY, sources: [{ path: data }] };
    const [a, b] = await Promise.all([prepare(values, { cacheDir }), prepare(values, { cacheDir })]);
    assert.equal(a.calls.videos.length + b.calls.videos.length, 5);
    assert.deepEqual([...a.dataset.items], [...b.dataset.items]);
  });
});

Deno.test("content that cannot teach anything is used with a warning", async () => {
  await withClips([], async (data, cacheDir) => {
    ffmpeg("-f", "lavfi", "-i", "color=black:s=128x128:r=24", "-frames:v", "33", join(data, "black.mp4"));
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=128x128:r=24:d=0.04,loop=40:1", "-frames:v", "33", join(data, "still.mp4"));
    for (const name of ["black", "still"]) Deno.writeTextFileSync(join(data, `${name}.txt`), name);
    const { events } = await prepare({ ...TINY, sources: [{ path: data }] }, { cacheDir });
    const warnings = events.flatMap((event) => event.type === "warning" ? [event.message.replace(data, "")] : []);
    assert.deepEqual(warnings, ['"/black.mp4": it is black throughout', '"/still.mp4": nothing moves in it']);
  });
});
