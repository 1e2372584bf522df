/**
 * Every strategy, source rate, target rate and orientation: a clip that counts its frames comes back at the right times.
 * `WANTUNE_ALL_WINDOWS=1` goes through all 336 combinations; else each strategy meets each rate once and each orientation.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { planItem } from "../../src/data/item.ts";
import { planSettings } from "../../src/data/plan.ts";
import { readWindow } from "../../src/data/read_window.ts";
import type { Window } from "../../src/data/window.ts";
import { type MediaInfo, probe } from "../../src/media/mod.ts";
import { dataConfig } from "../support/dataset.ts";
import { blockCounts, CLIPS, decodedTimes, makeBlocks } from "../support/media.ts";
import { withFolder } from "../support/tmp.ts";

const STRATEGIES = ["chunks", "slide", "head", "random", "keyframe", "scene", "uniform"] as const;
const ROTATIONS = [0, 90, 180, 270] as const;
const TARGETS = [16, 24] as const;
const GEOMETRY = { spatialDivisor: 32, temporalStride: 4, spatialStride: 16, fps: 24 };
const CONTENT = "7b".repeat(32);

/** Clips of about four seconds; the times of their frames are known from how they are made. */
const RATES: readonly {
  name: string;
  fps: string;
  frames: number;
  timeOf: (n: number) => number;
  filters?: string[];
}[] = [
  { name: "12", fps: "12", frames: 48, timeOf: (n) => n / 12 },
  { name: "23.976", fps: "24000/1001", frames: 96, timeOf: (n) => n * 1001 / 24000 },
  { name: "25", fps: "25", frames: 100, timeOf: (n) => n / 25 },
  { name: "29.97", fps: "30000/1001", frames: 120, timeOf: (n) => n * 1001 / 30000 },
  { name: "59.94", fps: "60000/1001", frames: 240, timeOf: (n) => n * 1001 / 60000 },
  {
    name: "variable",
    fps: "100",
    frames: 90,
    timeOf: (n) => n < 40 ? n * 0.03 : 1.2 + (n - 40) * 0.06,
    filters: ["setpts='round(if(lt(N,40),N*0.03,1.2+(N-40)*0.06)/TB)'"],
  },
];

/** The windows that a clip gives. */
function windowsOf(info: MediaInfo, { strategy, fps }: { strategy: string; fps: number }): Window[] {
  const frames = { strategy, variants: 2, maxWindows: 3 };
  const config = dataConfig({ sources: [{ path: "." }], resolution: 64, numFrames: 17, fps, frames });
  const scenes = { cuts: [1.3], black: [] };
  const plan = planItem(info, { kind: "clip", settings: planSettings(config, GEOMETRY), content: CONTENT, scenes });
  assert.ok(plan.status === "used");
  return plan.items.flatMap(({ variants }) => variants);
}

for (const [r, { name, fps: source, frames, timeOf, filters }] of RATES.entries()) {
  Deno.test(`a clip of ${name} fps comes back at the right times, whatever the strategy`, async () => {
    await withFolder(async (folder) => {
      const times = Array.from({ length: frames }, (_, n) => timeOf(n));
      const clips = await Promise.all(ROTATIONS.map(async (rotate) => {
        const path = join(folder, `turned${rotate}.mp4`);
        makeBlocks(path, { frames, fps: source, rotate, ...(filters === undefined ? {} : { filters }) });
        return await probe(path);
      }));
      const all = Deno.env.get("WANTUNE_ALL_WINDOWS") !== undefined;
      for (const [s, strategy] of STRATEGIES.entries()) {
        for (const [t, fps] of TARGETS.entries()) {
          for (const info of all ? clips : [clips[(r + s + 2 * t) % clips.length]]) {
            assert.ok(info !== undefined);
            for (const window of windowsOf(info, { strategy, fps })) {
              using decoded = await readWindow(info, window);
              const { pixels, sourceTimes } = decoded;
              // the rule, word for word: the last frame whose time is at most that of the output frame
              const wanted = Array.from({ length: window.frames }, (_, k) => {
                const time = window.start + k / window.fps * window.speed;
                return times.filter((one) => one <= time + 1e-6).length - 1;
              });
              const what: string = `${strategy} at ${fps} fps from ${window.start}, ${info.path}`;
              assert.deepEqual(blockCounts(pixels, window.crop), wanted, what);
              sourceTimes.forEach((time, k) => assert.ok(Math.abs(time - (times[wanted[k] ?? 0] ?? NaN)) < 1e-4, what));
            }
          }
        }
      }
    });
  });
}

Deno.test("the frames chosen of each sample clip are those that its timestamps name", async () => {
  for (const name of readdirSync(CLIPS).filter((name) => /\.(mp4|mov|webm|avi)$/.test(name))) {
    const path = join(CLIPS, name);
    const info = await probe(path);
    const times = decodedTimes(path); // as ffprobe decodes them, apart from our own reading of packets
    const coarse = name.endsWith(".webm") ? 1.5e-3 : 1e-5; // WebM's milliseconds are put back onto the grid
    for (const window of windowsOf(info, { strategy: "chunks", fps: 16 })) {
      using decoded = await readWindow(info, window);
      const { sourceTimes } = decoded;
      sourceTimes.forEach((time, k) => {
        const wanted = window.start + k / 16;
        const nearest = times.reduce((best, one) => Math.abs(one - time) < Math.abs(best - time) ? one : best);
        assert.ok(Math.abs(nearest - time) < coarse, `${name}: ${time} is no frame's time`);
        const next = times.find((one) => one > nearest + 1e-9) ?? Infinity;
        assert.ok(
          time <= wanted + 1e-6 && next > wanted - coarse,
          `${name}: ${time} for ${wanted}, the next is ${next}`,
        );
      });
    }
  }
});
