import assert from "node:assert/strict";
import fc from "fast-check";
import { planItem, type PlanSettings } from "../../src/data/item.ts";
import { listFrameCounts, timingNotes, usableFrames } from "../../src/data/window.ts";
import type { MediaInfo } from "../../src/media/mod.ts";

Deno.test("listFrameCounts() and usableFrames() give 4n + 1 frames, as many as there are and are wanted", () => {
  const counts = listFrameCounts({ wanted: 17, stride: 4 });
  assert.deepEqual(counts, [5, 9, 13, 17]);
  assert.deepEqual([120, 17, 16, 9, 8, 5].map((count) => usableFrames(count, counts)), [17, 17, 13, 9, 5, 5]);
  assert.deepEqual([4, 1, 0].map((count) => usableFrames(count, counts)), [0, 0, 0]);
  assert.equal(usableFrames(3, listFrameCounts({ wanted: 1, stride: 4 })), 1);
  fc.assert(fc.property(fc.nat(500), fc.nat(30), (available, n) => {
    const frames = usableFrames(available, listFrameCounts({ wanted: 4 * n + 1, stride: 4 }));
    assert.ok(frames === 0 || (frames % 4 === 1 && frames <= available && frames <= 4 * n + 1));
  }));
});

Deno.test("timingNotes() remarks on gaps and on slow clips", () => {
  const window = { start: 0, frames: 49, fps: 24, speed: 1 };
  assert.deepEqual(timingNotes(Array.from({ length: 60 }, (_, k) => k / 24), window), []);
  assert.match(timingNotes([0, 1 / 24, 8], window).join(), /stands still/);
  assert.match(timingNotes(Array.from({ length: 60 }, (_, k) => k / 10), window).join(), /far below 24 fps/);
});

const CONTENT = "0123456789abcdef".repeat(4);
const settings: PlanSettings = {
  divisor: 32,
  buckets: [{ resolution: 64, divisor: 32, maxAspect: 2, sizes: [{ width: 64, height: 64 }] }],
  fit: { maxUpscale: 1.5, minKept: 0.25 },
  limits: { black: "warn", frozen: "warn", duplicates: "warn", duplicateBits: 5 },
  frameCounts: [5, 9, 13, 17],
  fps: 24,
  frames: { strategy: "head", stride: "auto", variants: "auto" },
  augment: { flip: 0, cropJitter: 0, frameDropout: 0, color: 0 },
  variants: 4,
};
const info: MediaInfo = {
  path: "a.mp4",
  isImage: false,
  container: "mov,mp4,m4a,3gp,3g2,mj2",
  codec: "h264",
  pixelFormat: "yuv420p",
  codedWidth: 640,
  codedHeight: 360,
  width: 640,
  height: 360,
  orientation: 1,
  fps: 24,
  statedRate: { num: 24, den: 1 },
  tick: 1 / 12288,
  duration: 2,
  statedDuration: 2,
  timeline: {
    numFrames: 48,
    stamped: true,
    tick: 1 / 12288,
    ticks: { first: 0, steps: [[47, 512]] },
    rate: { num: 24, den: 1 },
    keys: { first: 0, steps: [] },
    end: 2,
  },
  streamIndex: 0,
  numVideoStreams: 1,
  hasAudio: false,
  hasAlpha: false,
  interlaced: false,
  hdr: false,
};

Deno.test("planItem() says what will be used", () => {
  const plan = planItem(info, { kind: "clip", settings, content: CONTENT });
  assert.ok(plan.status === "used");
  const crop = { scaledWidth: 114, scaledHeight: 64, left: 25, top: 0, width: 64, height: 64 };
  assert.deepEqual(plan.items, [{ bucket: "64x64x17", variants: [{ start: 0, frames: 17, fps: 24, speed: 1, crop }] }]);
});

for (
  const [what, change, kind, reason] of [
    ["a clip that is too short", { duration: 0.1, statedDuration: 0.1 }, "clip", /too short/],
    ["HDR", { hdr: true }, "clip", /HDR/],
    ["a file that is cut off", { duration: 0.54, statedDuration: 1.375 }, "clip", /cut off: 0.54 of 1.38 s/],
    ["a still that is called a clip", { isImage: true, container: "jpeg_pipe" }, "clip", /still picture/],
    ["a clip that is called a still", {}, "still", /it is a video/],
  ] as const
) {
  Deno.test(`planItem() rejects ${what}`, () => {
    const plan = planItem({ ...info, ...change }, { kind, settings, content: CONTENT });
    assert.ok(plan.status === "rejected");
    assert.match(plan.reason, reason);
    assert.notEqual(plan.cure, "");
  });
}

Deno.test("planItem() takes an animated WebP for a clip, and says which times were made up", () => {
  const animated = { ...info, container: "webp", codec: "webp", numUntimed: 3 };
  const plan = planItem(animated, { kind: "still", settings, content: CONTENT }); // as its ending says
  assert.ok(plan.status === "used");
  assert.deepEqual(plan.items.map(({ bucket }) => bucket), ["64x64x17"]);
  assert.deepEqual(plan.notes, ["3 of its frames state no duration (10 ms or less); each is taken to last 100 ms"]);
});
