import assert from "node:assert/strict";
import { ConfigError } from "../../src/base/mod.ts";
import { checkGivenFrames } from "../../src/train/given_frames.ts";

Deno.test("checkGivenFrames() refuses what a model has no use for", () => {
  const check = (
    image: "none" | "channels" | "first-frame",
    imageConditioning: number,
    conditioningNoise = 0,
    numFrames = [1, 5],
  ) =>
  () =>
    checkGivenFrames({ train: { imageConditioning, conditioningNoise }, data: { numFrames } }, {
      title: "a model",
      image,
    });
  check("first-frame", 0.5, 0.03)();
  check("channels", 0, 0.03)();
  check("none", 0)();
  assert.throws(check("channels", 0.5), ConfigError);
  check("first-frame", 0.5, 0, [5])();
  assert.throws(check("first-frame", 0, 0.03), /train\.conditioningNoise: no clip is given its first frame/);
  assert.throws(check("first-frame", 0.5, 0, [1]), /train\.imageConditioning: with data\.numFrames 1/);
  check("channels", 0, 0.03, [1])();
  assert.throws(check("none", 0.5), /train\.imageConditioning with a model: it is given no frames/);
  assert.throws(check("none", 0, 0.03), /train\.conditioningNoise/);
});
