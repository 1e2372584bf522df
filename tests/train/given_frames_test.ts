import assert from "node:assert/strict";
import { ConfigError } from "../../src/base/mod.ts";
import { checkGivenFrames } from "../../src/train/given_frames.ts";

Deno.test("checkGivenFrames() refuses what a model has no use for", () => {
  const check = (image: "none" | "channels" | "first-frame", imageConditioning: number, conditioningNoise = 0) => () =>
    checkGivenFrames({ imageConditioning, conditioningNoise }, { title: "a model", image });
  check("first-frame", 0.5, 0.03)();
  check("channels", 0, 0.03)();
  check("none", 0)();
  assert.throws(check("channels", 0.5), ConfigError);
  assert.throws(check("none", 0.5), /train\.imageConditioning with a model: it is given no frames/);
  assert.throws(check("none", 0, 0.03), /train\.conditioningNoise/);
});
