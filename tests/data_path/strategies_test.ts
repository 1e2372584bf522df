import assert from "node:assert/strict";
import fc from "fast-check";
import { chooseWindows, type ClipTimes, type WindowSettings } from "../../src/data/strategies.ts";
import { coveredSeconds, windowSeconds, type WindowTimes } from "../../src/data/window.ts";

type Strategy = WindowSettings["frames"]["strategy"];

/** A clip of 10 s at 24 fps. */
const CLIP: ClipTimes = {
  duration: 10,
  lastFrame: 239 / 24,
  keys: [0, 1, 1.5, 4, 9],
  scenes: { cuts: [2.5, 3, 6], black: [[7, 7.25]] },
  seed: 5n,
};

function windowsOf(strategy: Strategy, clip: Partial<ClipTimes> = {}, change: object = {}): WindowTimes[][] {
  const frames = { strategy, stride: "auto" as const, variants: "auto" as const, ...change };
  return chooseWindows({ ...CLIP, ...clip }, {
    fps: 16,
    frameCounts: [5, 9, 13, 17, 21, 25, 29, 33],
    variants: 4,
    frames,
  });
}

function startsOf(items: readonly (readonly WindowTimes[])[]): number[] {
  return items.flat().map(({ start }) => Math.round(start * 16));
}

Deno.test("head takes the beginning", () => {
  assert.deepEqual(windowsOf("head"), [[{ start: 0, frames: 33, fps: 16, speed: 1 }]]);
  assert.deepEqual(windowsOf("head", { duration: 0.6 })[0]?.[0]?.frames, 9);
  assert.deepEqual(windowsOf("head", { duration: 0.2 }), []);
});

Deno.test("chunks covers a clip with as few windows as needed, spread evenly, and leaves a small rest alone", () => {
  assert.deepEqual(startsOf(windowsOf("chunks")), [0, 32, 64, 95, 127]); // 160 frames: five windows of 33, 127 + 33 = 160
  assert.deepEqual(startsOf(windowsOf("chunks", { duration: 41 / 16 })), [0]); // 8 frames of 41 are less than a quarter
  assert.deepEqual(startsOf(windowsOf("chunks", { duration: 42 / 16 })), [0, 9]);
  assert.deepEqual(windowsOf("chunks", { duration: 20 / 16 })[0]?.[0]?.frames, 17);
});

Deno.test("slide starts a window every stride frames while there are frames for it", () => {
  assert.deepEqual(startsOf(windowsOf("slide", { duration: 5 })), [0, 17, 34]); // 80 frames; half of 33 is 17
  assert.deepEqual(startsOf(windowsOf("slide", { duration: 5 }, { stride: 40 })), [0, 40]);
  assert.deepEqual(startsOf(windowsOf("slide", { duration: 5 }, { stride: 1, maxWindows: 3 })), [0, 24, 47]);
});

Deno.test("keyframe starts at key frames that have enough frames behind them and lie in no window before", () => {
  assert.deepEqual(windowsOf("keyframe").flat().map(({ start }) => start), [0, 4]); // 1 and 1.5 lie in the first; 9 is late
});

Deno.test("scene covers each shot and crosses no border, leaves out what is black or too short", () => {
  const windows = windowsOf("scene").flat();
  for (const { start, frames, fps } of windows) {
    for (const border of [2.5, 3, 6, 7, 7.25]) {
      const last = start + (frames - 1) / fps;
      assert.ok(last < border || start >= border, `${start} to ${last} crosses ${border}`);
    }
  }
  assert.deepEqual(startsOf([windows]), [0, 40, 43, 48, 63, 96, 116, 127]);
  assert.deepEqual(windows.map(({ frames }) => frames), [33, 5, 5, 33, 33, 13, 33, 33]);
  assert.deepEqual(windowsOf("scene", { scenes: { cuts: [], black: [[0, 10]] } }), []);
});

Deno.test("uniform shows the first and the last frame and says how much faster things move", () => {
  const [window] = windowsOf("uniform").flat();
  assert.ok(window !== undefined);
  const { start, frames, fps, speed } = window;
  assert.deepEqual([start, frames], [0, 33]);
  assert.ok(Math.abs((frames - 1) / fps * speed - CLIP.lastFrame) < 1e-9);
  assert.ok(Math.abs(speed - 4.979) < 1e-3, `${speed}`);
});

Deno.test("random gives variants that begin anywhere, spread over the clip, the same for the same content", () => {
  const [variants = []] = windowsOf("random");
  assert.equal(variants.length, 4);
  variants.forEach(({ start }, n) => assert.ok(start >= n * 2 && start <= (n + 1) * 2, `${start}`)); // 128 starts in four parts
  assert.deepEqual(windowsOf("random"), [variants]);
  assert.notDeepEqual(windowsOf("random", { seed: 6n }), [variants]);
});

Deno.test("all strategies keep their windows inside the clip, of an allowed length, and all but uniform at real speed", () => {
  const clips = fc.record({
    numFrames: fc.integer({ min: 1, max: 400 }),
    rate: fc.constantFrom(12, 16, 23.976, 25, 29.97, 59.94),
    fps: fc.constantFrom(8, 16, 24),
    wanted: fc.integer({ min: 0, max: 20 }),
    strategy: fc.constantFrom("head", "chunks", "slide", "keyframe", "scene", "random", "uniform"),
    cuts: fc.array(fc.double({ min: 0.01, max: 0.99, noNaN: true }), { maxLength: 4 }),
    maxWindows: fc.constantFrom(undefined, 1, 2, 7),
  });
  fc.assert(
    fc.property(clips, ({ numFrames, rate, fps, wanted, strategy, cuts, maxWindows }) => {
      const duration = numFrames / rate;
      const frameCounts = wanted === 0 ? [1] : Array.from({ length: wanted }, (_, n) => 4 * n + 5);
      const borders = cuts.map((share) => share * duration).sort((a, b) => a - b);
      const clip: ClipTimes = {
        duration,
        lastFrame: (numFrames - 1) / rate,
        keys: [0, ...borders],
        scenes: { cuts: borders, black: [] },
        seed: 1n,
      };
      const frames = { strategy: strategy as Strategy, stride: "auto" as const, variants: "auto" as const, maxWindows };
      const items = chooseWindows(clip, { fps, frameCounts, variants: 3, frames: frames as WindowSettings["frames"] });
      for (const window of items.flat()) {
        assert.ok(frameCounts.includes(window.frames));
        const last = window.start + (window.frames - 1) / window.fps * window.speed;
        assert.ok(window.start >= 0 && last < duration, `${window.start} to ${last} of ${duration}`);
        if (strategy !== "uniform") assert.equal(window.speed, 1);
      }
      if (maxWindows !== undefined) assert.ok(items.length <= maxWindows);
      const enough = Math.ceil(duration * fps - 1e-6) >= (frameCounts[0] ?? 0);
      if (strategy !== "scene") assert.equal(items.length > 0, enough);
      if (strategy === "chunks" && enough && maxWindows === undefined) {
        const most = Math.max(...items.flat().map(windowSeconds));
        const unseen = duration - coveredSeconds(items.flat(), duration);
        assert.ok(unseen <= Math.max(most / 4, 4 / fps) + 1e-9, `${unseen} s of ${duration} are not seen`);
      }
    }),
    { numRuns: 500 },
  );
});
