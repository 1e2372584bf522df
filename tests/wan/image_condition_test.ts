import assert from "node:assert/strict";
import { join } from "node:path";
import { ConfigError, ShapeError } from "../../src/base/mod.ts";
import { ones, type Tensor, zeros } from "../../src/torch/mod.ts";
import {
  encodeImageCondition,
  generateLatents,
  greyVideo,
  knownFramesMask,
  loadVae,
  type TransformerInputs,
  type VelocityModel,
} from "../../src/wan/mod.ts";
import { goldenDir } from "../support/paths.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const vaeFolder = join(goldenDir(), "checkpoints/i2v_a14b/vae");

Deno.test("knownFramesMask() knows all of the first latent frame and, with a last picture, a quarter of the last", () => {
  leakFree(() => {
    const rows = (last: boolean): number[][] =>
      knownFramesMask({ size: [3, 2, 2], temporalStride: 4, last }).amin([3, 4]).select(0, 0).unbind()
        .map((channel) => channel.toNumbers());
    assert.deepEqual(rows(false), [[1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0]]);
    assert.deepEqual(rows(true), [[1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 1]]);
  });
});

Deno.test("greyVideo() shows its pictures at both ends and grey between them", () => {
  leakFree(() => {
    const image = ones([1, 3, 2, 2]);
    const means = (lastImage?: Tensor): number[] => {
      const video = greyVideo({ image, lastImage }, 9);
      assert.deepEqual(video.shape, [1, 3, 9, 2, 2]);
      return [[0, 1], [1, 4], [5, 4]].flatMap(([start = 0, length = 0]) =>
        video.frames(start, length).mean([0, 1, 3, 4]).toNumbers()
      );
    };
    assert.deepEqual(means(), [1, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert.deepEqual(means(image.mul(0.5)), [1, 0, 0, 0, 0, 0, 0, 0, 0.5]);
    assert.throws(() => greyVideo({ image, lastImage: ones([1, 3, 2, 4]) }, 9), ShapeError);
  });
});

Deno.test("encodeImageCondition() puts the mask before the latents of the whole clip", () => {
  leakFree(() => {
    using vae = loadVae(vaeFolder);
    const image = ones([1, 3, 16, 16]).mul(0.3);
    const condition = encodeImageCondition(vae, { image, numFrames: 5 });
    assert.deepEqual(condition.shape, [1, 20, 2, 2, 2]);
    assert(condition.narrow(1, 0, 4).equal(knownFramesMask({ size: [2, 2, 2], temporalStride: 4, last: false })));
    const clip = zeros([1, 3, 5, 16, 16]);
    clip.select(2, 0).copy_(image);
    assert(condition.narrow(1, 4, 16).equal(vae.encodeNormalized(clip)));
    assert.throws(() => encodeImageCondition(vae, { image, lastImage: image, numFrames: 1 }), ConfigError);
  });
});

Deno.test("generateLatents() shows pictures to models that take them, and refuses what they cannot take", async () => {
  using vae = loadVae(vaeFolder);
  using image = ones([1, 3, 16, 16]);
  using promptEmbeds = ones([1, 3, 5]);
  const seen: number[][] = [];
  const model = (inChannels: number): VelocityModel => ({
    config: { patchSize: [1, 2, 2], inChannels, outChannels: 16 },
    forward: ({ hiddenStates }: TransformerInputs): Tensor => {
      seen.push(hiddenStates.narrow(1, 16, inChannels - 16).amin([0, 2, 3, 4]).toNumbers().slice(0, 4));
      return zeros([1, 16, ...hiddenStates.shape.slice(2)]);
    },
  });
  const options = {
    solver: "euler",
    steps: 2,
    shift: 5,
    guidanceScale: 1,
    promptEmbeds,
    start: { numFrames: 1, height: 16, width: 16, seed: 1 },
  } as const;
  using latents = await generateLatents({ model: model(36), vae }, { ...options, image });
  assert.deepEqual(latents.shape, [1, 16, 1, 2, 2]);
  assert.deepEqual(seen, [[1, 1, 1, 1], [1, 1, 1, 1]]);
  const refuses = (inChannels: number, pictures: object, error: RegExp): Promise<void> =>
    assert.rejects(generateLatents({ model: model(inChannels), vae }, { ...options, ...pictures }), error);
  await refuses(36, {}, /this model needs its first frame/);
  await refuses(16, { image, lastImage: image }, /is given a first frame at most/);
  using wide = ones([1, 3, 16, 32]);
  await refuses(36, { image: wide }, /A picture of 32x16 pixels was given for a video of 16x16/);
});
