import assert from "node:assert/strict";
import { join } from "node:path";
import { ConfigError, ShapeError } from "../../src/base/mod.ts";
import { full, Generator, liveHandles, ones, randn, type Tensor, zeros } from "../../src/torch/mod.ts";
import {
  Denoising,
  firstFrameMask,
  generate,
  initialLatents,
  latentSize,
  loadVae,
  type TransformerInputs,
  type VelocityModel,
  type WanVae,
} from "../../src/wan/mod.ts";
import { goldenDir } from "../support/paths.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const strides = { temporalStride: 4, spatialStride: 16, spatialDivisor: 32 };
const walkOptions = { solver: "unipc", steps: 3, shift: 5, guidanceScale: 1 } as const;

/** A model that says a constant velocity for each prompt and keeps what it was asked. */
function fakeModel(asked: { timestep: number[]; first: number }[] = [], channels = 4): VelocityModel {
  return {
    config: { patchSize: [1, 2, 2] as const, inChannels: channels, outChannels: channels },
    forward(inputs: TransformerInputs): Tensor {
      const { hiddenStates, timestep, encoderHiddenStates } = inputs;
      asked.push({ timestep: timestep.toNumbers(), first: hiddenStates.select(2, 0).mean().item() });
      return zeros(hiddenStates.shape).add(encoderHiddenStates.mean().item());
    },
  };
}

Deno.test("latentSize() divides, and names the nearest size that can be made", () => {
  assert.deepEqual(latentSize({ numFrames: 9, height: 64, width: 96 }, strides), [3, 4, 6]);
  assert.deepEqual(latentSize({ numFrames: 1, height: 32, width: 32 }, strides), [1, 2, 2]);
  const cure = (text: string) => (error: unknown): boolean => error instanceof ConfigError && error.cure === text;
  assert.throws(() => latentSize({ numFrames: 12, height: 64, width: 96 }, strides), cure("take 13 frames"));
  assert.throws(() => latentSize({ numFrames: 9, height: 480, width: 850 }, strides), cure("take 864x480"));
});

Deno.test("initialLatents() depends on the seed alone and is drawn like torch.randn", () => {
  leakFree(() => {
    const vae = { latentChannels: 48, spatialStride: 16, temporalStride: 4 };
    const size = { numFrames: 5, height: 64, width: 32, patch: 2 };
    const latents = initialLatents(vae, { ...size, seed: 7 });
    using generator = Generator.seeded(7);
    assert(latents.equal(randn([1, 48, 2, 4, 2], { generator })));
    assert(!latents.equal(initialLatents(vae, { ...size, seed: 8 })));
  });
});

Deno.test("Denoising asks once without guidance, twice with it, and mixes the answers", () => {
  leakFree(() => {
    const asked: { timestep: number[]; first: number }[] = [];
    const model = fakeModel(asked);
    const latents = zeros([1, 4, 2, 2, 2]);
    const promptEmbeds = ones([1, 3, 5]);
    using plain = new Denoising(model, { ...walkOptions, latents, promptEmbeds });
    while (plain.stepsDone < plain.numSteps) plain.step();
    assert.equal(asked.length, 3);
    assert.deepEqual(asked[0]?.timestep, [999]);
    // dx = v · dσ from σ ≈ 1 to 0
    assert(Math.abs(plain.result().mean().item() + 1) < 1e-5);
    using guided = new Denoising(model, {
      ...walkOptions,
      latents,
      promptEmbeds,
      negativePromptEmbeds: promptEmbeds.mul(0.5),
      guidanceScale: 3,
    });
    while (guided.stepsDone < guided.numSteps) guided.step();
    assert.equal(asked.length, 9);
    assert(Math.abs(guided.result().mean().item() + 2) < 1e-5, "0.5 + 3 · (1 − 0.5) = 2");
    assert.throws(() => guided.step(), /all 3 steps/);
  });
});

Deno.test("Denoising keeps a given first frame, whose tokens are at timestep 0", () => {
  leakFree(() => {
    const asked: { timestep: number[]; first: number }[] = [];
    using walk = new Denoising(fakeModel(asked), {
      ...walkOptions,
      latents: zeros([2, 4, 3, 2, 4]),
      promptEmbeds: ones([1, 3, 5]),
      firstFrame: ones([1, 4, 1, 2, 4]).mul(7),
    });
    while (walk.stepsDone < walk.numSteps) walk.step();
    assert.deepEqual(asked.map(({ first }) => first), [7, 7, 7]);
    assert.deepEqual(asked[0]?.timestep, [0, 0, 999, 999, 999, 999, 0, 0, 999, 999, 999, 999]);
    assert.deepEqual(walk.result().select(2, 0).amin().item(), 7);
    assert.deepEqual(firstFrameMask(walk.latents).amax([3, 4]).toNumbers(), [0, 1, 1]);
  });
});

Deno.test("Denoising refuses what does not fit", () => {
  leakFree(() => {
    const options = { ...walkOptions, latents: zeros([2, 4, 1, 2, 2]), promptEmbeds: ones([1, 3, 5]) };
    assert.throws(() => new Denoising(fakeModel(), { ...options, promptEmbeds: ones([3, 3, 5]) }), ShapeError);
    assert.throws(() => new Denoising(fakeModel(), { ...options, firstFrame: ones([1, 4, 1, 2, 4]) }), ShapeError);
    assert.throws(() => new Denoising(fakeModel(), { ...options, guidanceScale: 2 }), /needs a negative prompt/);
    const condition = ones([1, 20, 1, 2, 2]);
    assert.throws(
      () => new Denoising(fakeModel(), { ...options, condition }),
      /takes 4 channels: 4 of latents were given and 20 beside them/,
    );
    assert.throws(() => new Denoising(fakeModel(), { ...options, condition: ones([1, 20, 1, 2, 4]) }), ShapeError);
  });
});

Deno.test("generate() makes frames in [0, 1], reports steps, and can be stopped between them", async () => {
  const before = liveHandles();
  {
    using vae = loadVae(join(goldenDir(), "checkpoints/ti2v_5b/vae"));
    using promptEmbeds = ones([1, 3, 5]);
    const steps: number[] = [];
    const options = { ...walkOptions, promptEmbeds, start: { numFrames: 5, height: 32, width: 64, seed: 1 } };
    const { latents, frames } = await generate({ model: fakeModel([], 48), vae }, {
      ...options,
      onStep: (step) => void steps.push(step),
    });
    using _latents = latents;
    using pictures = frames;
    assert.deepEqual([latents.shape, pictures.shape], [[1, 48, 2, 2, 4], [1, 5, 3, 32, 64]]);
    using low = pictures.amin();
    using high = pictures.amax();
    assert(low.item() >= 0 && high.item() <= 1);
    assert.deepEqual(steps, [1, 2, 3]);
    const stop = new AbortController();
    const onStep = (step: number): void => step === 2 ? stop.abort(new Error("enough")) : undefined;
    await assert.rejects(
      generate({ model: fakeModel([], 48), vae }, { ...options, onStep, signal: stop.signal }),
      /enough/,
    );
  }
  // The fake model's own answers are freed with the step that asked for them.
  assert.equal(liveHandles(), before);
});

Deno.test("generate() refuses what is not finite, and frees it", async () => {
  const before = liveHandles();
  {
    using vae = loadVae(join(goldenDir(), "checkpoints/ti2v_5b/vae"));
    using rows = ones([1, 3, 5]);
    using damaged = rows.mul(NaN);
    const start = { numFrames: 5, height: 32, width: 64, seed: 1 };
    const make = (vae: WanVae, promptEmbeds: Tensor): Promise<unknown> =>
      generate({ model: fakeModel([], 48), vae }, { ...walkOptions, start, promptEmbeds });
    await assert.rejects(make(vae, damaged), /its latents are not finite numbers/);
    const { latentChannels, spatialStride, temporalStride } = vae;
    const decode = (): Tensor => full([1, 3, 5, 32, 64], NaN);
    const broken = { latentChannels, spatialStride, temporalStride, decode } as Partial<WanVae> as WanVae;
    await assert.rejects(make(broken, rows), /its frames are not finite numbers/);
  }
  assert.equal(liveHandles(), before);
});
