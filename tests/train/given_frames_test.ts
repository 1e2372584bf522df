import assert from "node:assert/strict";
import { ConfigError } from "../../src/base/mod.ts";
import { checkGivenFrames, warnOfStills } from "../../src/train/given_frames.ts";

Deno.test("checkGivenFrames() refuses what a model has no use for", () => {
  const check = (image: "none" | "channels" | "first-frame", imageConditioning: number, conditioningNoise = 0) => () =>
    checkGivenFrames({ imageConditioning, conditioningNoise }, { title: "a model", image });
  check("first-frame", 0.5, 0.03)();
  check("channels", 0, 0.03)();
  check("none", 0)();
  assert.throws(check("channels", 0.5), ConfigError);
  assert.throws(check("first-frame", 0, 0.03), /train\.conditioningNoise: no clip is given its first frame/);
  assert.throws(check("none", 0.5), /train\.imageConditioning with a model: it is given no frames/);
  assert.throws(check("none", 0, 0.03), /train\.conditioningNoise/);
});

Deno.test("warnOfStills() says that clips of one frame are given none", () => {
  const warnings = (imageConditioning: number, ...frames: number[]): string[] => {
    const said: string[] = [];
    const items = { sizes: () => frames.map((count) => ({ frames: count })) };
    warnOfStills({ imageConditioning }, {
      items,
      emit: (event) => event.type === "warning" && said.push(event.message),
    });
    return said;
  };
  assert.match(
    warnings(0.2, 1, 1).join(),
    /^train\.imageConditioning changes nothing here: all clips are of one frame/,
  );
  assert.deepEqual([warnings(0.2, 1, 5), warnings(0, 1)], [[], []]);
});
