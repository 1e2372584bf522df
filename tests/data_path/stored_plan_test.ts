import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { type Grounds, stateOf } from "../../src/data/grounds.ts";
import { ItemTable } from "../../src/data/item_table.ts";
import { SETTLED_MS } from "../../src/data/presence.ts";
import { StoredPlan } from "../../src/data/stored_plan.ts";
import type { EventBody } from "../../src/events/mod.ts";
import { tidy } from "../../src/torch/mod.ts";
import { prepare, standIns } from "../support/dataset.ts";
import { CLIPS } from "../support/media.ts";
import { withFolder } from "../support/tmp.ts";
import { useTorch } from "../support/torch.ts";

await useTorch();

const TINY = {
  resolution: { width: 64, height: 64 },
  numFrames: 5,
  fps: 8,
  captionDropout: 0,
  frames: { strategy: "head" },
};

/** Waits until what was written does not count as written just now. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, SETTLED_MS + 50));
/** Whether a start has looked at the files. */
const hasLooked = (events: readonly EventBody[]): boolean =>
  events.some((event) => event.type === "stage" && event.stage === "probing");
const withoutStages = (events: readonly EventBody[]): EventBody[] => events.filter(({ type }) => type !== "stage");

/** A folder with a still, its caption, and what a link outside of it leads to. */
function makeSource(folder: string): string {
  const clips = join(folder, "clips");
  Deno.mkdirSync(clips, { recursive: true });
  Deno.copyFileSync(join(CLIPS, "still_cat.jpg"), join(clips, "a.jpg"));
  Deno.writeTextFileSync(join(clips, "a.txt"), "one");
  Deno.mkdirSync(join(folder, "elsewhere"));
  Deno.writeTextFileSync(join(folder, "elsewhere", "b.txt"), "two");
  Deno.symlinkSync(join(folder, "elsewhere"), join(clips, "more"));
  Deno.writeTextFileSync(join(folder, "list.jsonl"), '{"file_name": "a.jpg", "caption": "three"}');
  return clips;
}

Deno.test("a start without a change looks into no file, tells the same and gives the same batches", async () => {
  await withFolder(async (folder) => {
    const clips = makeSource(folder);
    Deno.copyFileSync(join(CLIPS, "plant_window_tilt.mp4"), join(clips, "b.mp4"));
    Deno.writeTextFileSync(join(clips, "b.txt"), "first\nsecond 植物");
    Deno.writeFileSync(join(clips, "empty.mp4"), new Uint8Array(0));
    Deno.writeTextFileSync(join(clips, "empty.txt"), "empty");
    await settle();
    const values = { ...TINY, captions: { lines: "choose" }, sources: [{ path: clips, repeats: 2, weight: 0.5 }] };
    const reports: string[] = [];
    const start = (): ReturnType<typeof prepare> =>
      prepare(values, {
        cacheDir: join(folder, "cache"),
        prompts: ["of a sample"],
        onReport: (json) => reports.push(new TextDecoder().decode(json)),
      });
    const first = await start();
    const again = await start();
    assert.deepEqual([hasLooked(first.events), hasLooked(again.events)], [true, false]);
    assert.deepEqual(withoutStages(again.events), withoutStages(first.events));
    assert.equal(reports[1], reports[0]);
    assert.deepEqual(again.dataset.rejected, first.dataset.rejected);
    assert.equal(again.dataset.rejected.length, 1);
    assert.deepEqual([...again.dataset.items], [...first.dataset.items]);
    assert.equal(again.dataset.fingerprint, first.dataset.fingerprint);
    assert.deepEqual(again.calls, { videos: [], captions: [] });
    tidy(() => {
      const [a, b] = [first, again].map(({ dataset }) => dataset.batch(3, { batchSize: 2, seed: 1 }));
      assert.deepEqual(a?.captions, b?.captions);
      assert.deepEqual(a?.latents.toNumbers(), b?.latents.toNumbers());
      assert.deepEqual(again.dataset.text("of a sample").shape, [11, 8]);
      assert.throws(() => again.dataset.text("of none"), RangeError);
    });
  });
});

/** What is done between two starts, and whether the second one must look again. */
const CHANGES: readonly { name: string; looks: boolean; change: (folder: string, clips: string) => void }[] = [
  { name: "nothing", looks: false, change: () => {} },
  {
    name: "a hidden file",
    looks: false,
    change: (_, clips) => Deno.writeTextFileSync(join(clips, ".hidden"), ""),
  },
  {
    name: "a caption of the same length",
    looks: true,
    change: (_, clips) => Deno.writeTextFileSync(join(clips, "a.txt"), "six"),
  },
  {
    name: "a caption of the same length and time",
    looks: true,
    change: (_, clips) => {
      const path = join(clips, "a.txt");
      const { atime, mtime } = Deno.statSync(path);
      Deno.writeTextFileSync(path, "six");
      Deno.utimeSync(path, atime ?? 0, mtime ?? 0);
    },
  },
  {
    name: "another still",
    looks: true,
    change: (_, clips) => Deno.copyFileSync(join(CLIPS, "still_pagoda.jpg"), join(clips, "a.jpg")),
  },
  {
    name: "a file more",
    looks: true,
    change: (_, clips) => Deno.copyFileSync(join(CLIPS, "still_cat.jpg"), join(clips, "c.jpg")),
  },
  {
    name: "a caption gone",
    looks: true,
    change: (_, clips) => Deno.removeSync(join(clips, "a.txt")),
  },
  {
    name: "a file renamed",
    looks: true,
    change: (_, clips) => Deno.renameSync(join(clips, "a.jpg"), join(clips, "b.jpg")),
  },
  {
    name: "a change behind a link",
    looks: true,
    change: (folder) => Deno.writeTextFileSync(join(folder, "elsewhere", "b.txt"), "six"),
  },
  {
    name: "another folder of the same name",
    looks: true,
    change: (folder, clips) => {
      Deno.renameSync(clips, join(folder, "before"));
      makeSource(join(folder, "new"));
      Deno.renameSync(join(folder, "new", "clips"), clips);
    },
  },
  {
    name: "a list from elsewhere",
    looks: true,
    change: (folder) =>
      Deno.writeTextFileSync(join(folder, "list.jsonl"), '{"file_name": "a.jpg", "caption": "forty"}'),
  },
  {
    name: "a plan cut off",
    looks: true,
    change: (folder) => {
      const [{ name = "" } = {}] = [...Deno.readDirSync(join(folder, "cache", "plans"))];
      Deno.truncateSync(join(folder, "cache", "plans", name), 300);
    },
  },
];

Deno.test("whatever is changed in the sources leads to another look, and to what a start without a plan finds", async (t) => {
  await withFolder(async (folder) => {
    const places = CHANGES.map((_, at) => join(folder, String(at)));
    places.forEach(makeSource);
    await settle();
    for (const [at, { name, looks, change }] of CHANGES.entries()) {
      await t.step(name, async () => {
        const place = places[at] ?? "";
        const clips = join(place, "clips");
        const captions = name === "a list from elsewhere" ? { list: join(place, "list.jsonl") } : {};
        const values = { ...TINY, captions: { missing: "empty", ...captions }, sources: [{ path: clips }] };
        const start = (): ReturnType<typeof prepare> => prepare(values, { cacheDir: join(place, "cache") });
        await start();
        change(place, clips);
        const second = await start();
        assert.equal(hasLooked(second.events), looks);
        Deno.removeSync(join(place, "cache", "plans"), { recursive: true });
        const plain = await start();
        assert.equal(hasLooked(plain.events), true);
        assert.deepEqual(withoutStages(second.events), withoutStages(plain.events));
        assert.deepEqual([...second.dataset.items], [...plain.dataset.items]);
      });
    }
  });
});

Deno.test("a list as a source: what it names is looked at again once it changes, comes or goes, and so are its texts", async () => {
  const changes: readonly ((clips: string) => void)[] = [
    (clips) => Deno.copyFileSync(join(clips, "a.jpg"), join(clips, "missing.jpg")),
    (clips) => Deno.copyFileSync(join(clips, "b.jpg"), join(clips, "a.jpg")),
    (clips) => Deno.writeTextFileSync(join(clips, "b.txt"), "five"),
    (clips) => Deno.mkdirSync(join(clips, "captions")),
    (clips) => Deno.writeTextFileSync(join(clips, "unnamed.txt"), "any"),
  ];
  await withFolder(async (folder) => {
    const places = changes.map((_, at) => join(folder, String(at)));
    for (const place of places) {
      const clips = makeSource(place);
      Deno.copyFileSync(join(clips, "a.jpg"), join(clips, "b.jpg"));
      const lines = [{ file: "a.jpg", caption: "one" }, { file: "b.jpg" }, { file: "missing.jpg", caption: "two" }];
      Deno.writeTextFileSync(join(clips, "list.jsonl"), lines.map((line) => JSON.stringify(line)).join("\n"));
    }
    await settle();
    const looked: boolean[][] = [];
    for (const [at, change] of changes.entries()) {
      const clips = join(places[at] ?? "", "clips");
      const values = { ...TINY, triggerWord: "ohwx", sources: [{ path: join(clips, "list.jsonl") }] };
      const start = (): ReturnType<typeof prepare> => prepare(values, { cacheDir: join(folder, "cache") });
      await start();
      const before = hasLooked((await start()).events);
      change(clips);
      looked.push([before, hasLooked((await start()).events)]);
    }
    assert.deepEqual(looked, [[false, true], [false, true], [false, true], [false, false], [false, false]]);
  });
});

Deno.test("another config, model or batch size has a plan of its own; an entry that is gone is made again", async () => {
  await withFolder(async (folder) => {
    const clips = makeSource(folder);
    await settle();
    const cacheDir = join(folder, "cache");
    const start = async (values: object = {}, options: object = {}): Promise<[boolean, number, number]> => {
      const all = { ...TINY, sources: [{ path: clips }], ...values };
      const { events, calls } = await prepare(all, { cacheDir, ...options });
      return [hasLooked(events), calls.videos.length, calls.captions.length];
    };
    assert.deepEqual(await start(), [true, 1, 1]);
    assert.deepEqual(await start(), [false, 0, 0]);
    assert.deepEqual(await start({ fps: 9 }), [true, 1, 0]);
    assert.deepEqual(await start({}, { batchSize: 3 }), [true, 0, 0]);
    assert.deepEqual(await start({}, { countTokens: () => 3 }), [true, 0, 0]);
    assert.deepEqual(await start({}, { fingerprints: { video: "v2", text: "t1" } }), [true, 1, 0]);
    assert.deepEqual(await start({}, { prompts: ["more"] }), [true, 0, 1]);
    assert.deepEqual(await start(), [false, 0, 0]);
    Deno.removeSync(join(cacheDir, "text"), { recursive: true });
    assert.deepEqual(await start(), [true, 0, 1]);
    assert.deepEqual(await start(), [false, 0, 0]);
  });
});

Deno.test("a start during which a caption changes keeps no plan", async () => {
  await withFolder(async (folder) => {
    const clips = makeSource(folder);
    await settle();
    const values = { ...TINY, sources: [{ path: clips }] };
    await prepare(values, {
      cacheDir: join(folder, "cache"),
      encodeVideo: (frames) => {
        Deno.writeTextFileSync(join(clips, "a.txt"), "six");
        return standIns({ videos: [], captions: [] }).encodeVideo(frames);
      },
    });
    const { events, dataset } = await prepare(values, { cacheDir: join(folder, "cache") });
    assert.equal(hasLooked(events), true);
    assert.deepEqual(dataset.items.at(0)?.captions, ["six"]);
  });
});

Deno.test("a plan with one byte changed is not taken, or its report is not", async () => {
  await withFolder(async (folder) => {
    const plan = new StoredPlan(folder, "a");
    const grounds = { trees: [], found: [], absent: ["/nowhere/at/all"] };
    const content = "ab".repeat(32);
    const file = { path: "/a.mp4", content, captions: ["one", "zwei ü"], repeats: 2, weight: 0.25 };
    const shape = { frames: 5, fps: 23.976, speed: 1.5, width: 64, height: 96 };
    const items = ItemTable.of([{ file, items: [{ ...shape, latentsKeys: [content as never] }] }]);
    const report = new TextEncoder().encode("{}\n");
    const outcome = { items, texts: new Uint8Array(32), rejected: [], events: [], report: () => report };
    await plan.keep(outcome, { grounds, startedAt: Date.now() });
    const kept = await plan.read();
    assert.deepEqual([...kept?.items ?? []], [...items]);
    assert.deepEqual(kept?.report(), report);
    const path = join(folder, "plans", "a.plan");
    const whole = Deno.readFileSync(path);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, bits) => {
        const bytes = whole.slice();
        bytes[at] = (bytes[at] ?? 0) ^ bits;
        Deno.writeFileSync(path, bytes);
        const read = await plan.read();
        assert.equal(read?.report(), undefined);
        if (at < whole.length - report.length) assert.equal(read, undefined);
      }),
      { numRuns: 200 },
    );
  });
});

Deno.test("the state of grounds changes with every file that is not hidden, and with nothing else", async () => {
  const name = fc.constantFrom("a.mp4", "b 'ü\n\".txt", "deep/c.txt", "-d%s.txt");
  const what = fc.constantFrom("nothing", "write", "remove", "rename", "add", "link", "hide", "chmod");
  await fc.assert(
    fc.asyncProperty(name, what, async (file, change) => {
      await withFolder(async (folder) => {
        Deno.mkdirSync(join(folder, "deep"));
        for (const one of ["a.mp4", "b 'ü\n\".txt", "deep/c.txt", "-d%s.txt"]) {
          Deno.writeTextFileSync(join(folder, one), one);
        }
        const grounds: Grounds = { trees: [folder, join(folder, "absent")], found: [folder], absent: [] };
        const before = await stateOf(grounds);
        const path = join(folder, file);
        await new Promise((resolve) => setTimeout(resolve, 12)); // a tick of the disk's clock
        if (change === "write") Deno.writeTextFileSync(path, file);
        if (change === "remove") Deno.removeSync(path);
        if (change === "rename") Deno.renameSync(path, `${path}x`);
        if (change === "add") Deno.writeTextFileSync(`${path}x`, "");
        if (change === "link") Deno.symlinkSync(path, join(folder, "deep", "link"));
        if (change === "hide") Deno.writeTextFileSync(join(path, "..", ".hidden"), "");
        if (change === "chmod") Deno.chmodSync(path, 0o600);
        const stays = change === "nothing" || change === "hide";
        assert.equal(await stateOf(grounds) === before, stays);
      });
    }),
    { numRuns: 40 },
  );
});
