import assert from "node:assert/strict";
import fc from "fast-check";
import { chooseFrames, countFrames } from "../../src/media/mod.ts";
import { parseRatio, snapTime } from "../../src/media/times.ts";

const RATE_24 = { num: 24, den: 1 };

Deno.test("chooseFrames() takes the last frame whose time is at most k / fps", () => {
  const times = [0, 0.05, 0.1, 0.2, 0.35, 0.5];
  assert.deepEqual(chooseFrames(times, { fps: 8, numFrames: 5 }), [0, 2, 3, 4, 5]);
  assert.deepEqual(chooseFrames(times, { fps: 8, numFrames: 3, start: 0.1 }), [2, 3, 4]);
});

Deno.test("chooseFrames() agrees with the rule read word for word, for any times", () => {
  const gaps = fc.array(fc.double({ min: 0.001, max: 0.3, noNaN: true }), { minLength: 1, maxLength: 60 });
  fc.assert(fc.property(gaps, fc.integer({ min: 1, max: 60 }), (steps, fps) => {
    const times = steps.reduce<number[]>((list, step) => [...list, (list.at(-1) ?? 0) + step], [0]);
    const chosen = chooseFrames(times, { fps, numFrames: 20 });
    chosen.forEach((index, k) => {
      const allowed = times.filter((time) => time <= k / fps + 1e-6);
      assert.equal(index, allowed.length - 1);
    });
  }));
});

Deno.test("countFrames() counts the output frames that begin before the end", () => {
  assert.equal(countFrames(2.4, { fps: 8 }), 20);
  assert.equal(countFrames(17 / 24, { fps: 24 }), 17);
  assert.equal(countFrames(3, { fps: 16, start: 2.5 }), 8);
  assert.equal(countFrames(0, { fps: 16 }), 0);
});

Deno.test("snapTime() puts milliseconds back onto the grid of the frame rate, and leaves others alone", () => {
  assert.equal(snapTime(0.042, { tick: 0.001, rate: RATE_24 }), 1 / 24);
  assert.equal(snapTime(0.045, { tick: 0.001, rate: RATE_24 }), 0.045);
  assert.equal(snapTime(0.0417, { tick: 1 / 90000, rate: RATE_24 }), 0.0417);
});

Deno.test("parseRatio() reads rates and refuses 0/0", () => {
  assert.deepEqual(parseRatio("30000/1001", "/"), { num: 30000, den: 1001 });
  assert.equal(parseRatio("0/0", "/"), undefined);
  assert.equal(parseRatio("N/A", ":"), undefined);
});
