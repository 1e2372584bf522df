import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ShapeError, WeightsError } from "../../src/base/mod.ts";
import { arange, Generator, liveHandles, ones, rand, randn, type Tensor, zeros } from "../../src/torch/mod.ts";
import { averageDown, duplicateUp, patchify, unpatchify } from "../../src/wan/vae/shortcut.ts";
import { loadVae, parseVaeConfig, type VaeConfig, vaeShapes, WanVae } from "../../src/wan/vae/mod.ts";
import { resolveTiling, type TileSizes } from "../../src/wan/vae/tiling.ts";
import { goldenDir } from "../support/paths.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const folder = join(goldenDir(), "checkpoints/ti2v_5b/vae");
const config = JSON.parse(Deno.readTextFileSync(join(folder, "config.json")));
const gap = (a: Tensor, b: Tensor): number => a.sub(b).abs().amax().item();

Deno.test("patchify() puts the column before the row, and unpatchify() undoes it", () => {
  leakFree(() => {
    const pixels = arange(4).reshape([1, 1, 1, 2, 2]); // rows 0 1 / 2 3
    assert.deepEqual(patchify(pixels, 2).toNumbers(), [0, 2, 1, 3]);
    using generator = Generator.seeded(1);
    const video = rand([2, 3, 3, 4, 6], { generator });
    assert(unpatchify(patchify(video, 2), 2).equal(video));
  });
});

Deno.test("averageDown() keeps a constant in space and counts the zero frame it adds in time", () => {
  leakFree(() => {
    const plan = { inChannels: 4, outChannels: 4, time: 1, space: 2 };
    assert(averageDown(ones([1, 4, 3, 4, 4]), plan).equal(ones([1, 4, 3, 2, 2])));
    const merged = averageDown(ones([1, 4, 3, 2, 2]), { ...plan, outChannels: 4, time: 2 });
    assert.deepEqual(merged.shape, [1, 4, 2, 1, 1]);
    assert.deepEqual(merged.select(1, 0).toNumbers(), [0.5, 1]);
  });
});

Deno.test("duplicateUp() repeats, and drops what would stand before the first frame", () => {
  leakFree(() => {
    const plan = { inChannels: 2, outChannels: 2, time: 2, space: 2 };
    const x = arange(4).reshape([1, 2, 2, 1, 1]);
    const first = duplicateUp(x, { plan, isFirstChunk: true });
    assert.deepEqual(first.shape, [1, 2, 3, 2, 2]);
    assert.deepEqual(first.amax([3, 4]).toNumbers(), [0, 1, 1, 2, 3, 3]);
    assert.deepEqual(duplicateUp(x, { plan, isFirstChunk: false }).shape, [1, 2, 4, 2, 2]);
  });
});

Deno.test("WanVae.encode() of a frame does not depend on later frames", () => {
  leakFree(() => {
    using vae = loadVae(folder);
    using generator = Generator.seeded(2);
    const video = rand([1, 3, 9, 32, 32], { generator }).mul(2).sub(1);
    const whole = vae.encode(video).mean;
    assert.deepEqual(whole.shape, [1, 48, 3, 2, 2]);
    assert(gap(vae.encode(video.narrow(2, 0, 1)).mean, whole.narrow(2, 0, 1)) < 1e-6);
    assert(gap(vae.encode(video.narrow(2, 0, 5)).mean, whole.narrow(2, 0, 2)) < 1e-6);
  });
});

Deno.test("WanVae.decode() of a frame does not depend on later latents, and stays in [-1, 1]", () => {
  leakFree(() => {
    using vae = loadVae(folder);
    using generator = Generator.seeded(3);
    const latents = randn([2, 48, 3, 2, 1], { generator }).mul(3);
    const whole = vae.decode(latents);
    assert.deepEqual(whole.shape, [2, 3, 9, 32, 16]);
    assert(whole.abs().amax().item() <= 1);
    assert(gap(vae.decode(latents.narrow(2, 0, 2)), whole.narrow(2, 0, 5)) < 1e-5);
  });
});

Deno.test("WanVae works on tiles of any size, blends them and keeps to their sizes", () => {
  leakFree(() => {
    using vae = loadVae(folder);
    using generator = Generator.seeded(4);
    const latents = randn([1, 48, 1, 3, 5], { generator });
    const tiling = { height: 32, width: 48, strideHeight: 16, strideWidth: 32 };
    const seen: string[] = [];
    const tiled = vae.decode(latents, { tiling, onProgress: (done, total) => void seen.push(`${done}/${total}`) });
    assert.deepEqual(tiled.shape, [1, 3, 1, 48, 80]);
    assert.deepEqual(seen, ["0/9", "1/9", "2/9", "3/9", "4/9", "5/9", "6/9", "7/9", "8/9", "9/9"]);
    // What the first tile alone covers is what the VAE makes of its latents.
    const alone = vae.decode(latents.narrow(3, 0, 2).narrow(4, 0, 3), { tiling: false });
    const corner = (x: Tensor): Tensor => x.narrow(3, 0, 16).narrow(4, 0, 32);
    assert(gap(corner(tiled), corner(alone)) < 1e-5);
    // Tiles that need not be blended are the same, one by one.
    const apart = vae.decode(latents, { tiling: { height: 32, width: 32, strideHeight: 32, strideWidth: 32 } });
    assert(gap(apart.narrow(4, 64, 16).narrow(3, 32, 16), vae.decode(latents.narrow(3, 2, 1).narrow(4, 4, 1))) < 1e-5);
    assert(vae.decode(latents, { tiling: "auto" }).equal(vae.decode(latents, { tiling: false })));
    assert.throws(() => vae.decode(latents, { tiling: { ...tiling, width: 40 } }), /multiples of 16/);
    assert.throws(() => vae.decode(latents, { tiling: { ...tiling, strideWidth: 64 } }), RangeError);
    const stop = (done: number): void => {
      if (done === 3) throw new Error("enough");
    };
    assert.throws(() => vae.decode(latents, { tiling, onProgress: stop }), /enough/);
  });
});

Deno.test("tiling is chosen by the size of what a half makes of a chunk", () => {
  const published = { ...parseVaeConfig(config, "x"), baseDim: 160, decoderBaseDim: 256 };
  const older = { ...published, baseDim: 96, decoderBaseDim: 96, patchSize: 1, isResidual: false };
  const auto = (
    config: VaeConfig,
    half: "encode" | "decode",
    [width, height]: readonly [number, number],
  ): TileSizes | undefined => resolveTiling("auto", { config, half, width, height, stride: 16, elementBytes: 4 });
  for (const config of [published, older]) {
    assert.equal(auto(config, "decode", [832, 480]), undefined);
    const tiles = auto(config, "decode", [1280, 704]);
    assert.deepEqual(tiles, { width: 320 + 64, strideWidth: 320, height: 240 + 64, strideHeight: 240 }, "4 x 3 tiles");
    assert.equal(auto(config, "encode", [832, 480]), undefined);
  }
  assert.equal(auto(older, "encode", [1920, 1088])?.width, 320 + 64);
});

Deno.test("vaeShapes() has the tensors and parameters of the published kinds", () => {
  const parsed = parseVaeConfig(config, "x");
  const newer = { ...parsed, baseDim: 160, decoderBaseDim: 256 };
  const older = { ...parsed, baseDim: 96, decoderBaseDim: 96, latentChannels: 16, patchSize: 1, isResidual: false };
  for (const [kind, tensors, parameters] of [[newer, 196, 704_688_668], [older, 194, 126_892_531]] as const) {
    const shapes = [...vaeShapes(kind).values()];
    assert.equal(shapes.length, tensors);
    assert.equal(shapes.reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0), parameters);
  }
});

Deno.test("WanVae.encode() takes frames as they are made", () => {
  leakFree(() => {
    using vae = loadVae(folder);
    using generator = Generator.seeded(5);
    const video = rand([1, 3, 9, 64, 64], { generator });
    const asked: number[][] = [];
    const frames = (start: number, length: number): Tensor => {
      asked.push([start, length]);
      return video.narrow(2, start, length);
    };
    const wanted = vae.encode(video).mean;
    assert(gap(vae.encode({ shape: video.shape, frames }).mean, wanted) === 0);
    assert.deepEqual(asked, [[0, 1], [1, 4], [5, 4]]);
  });
});

Deno.test("WanVae tells its strides, normalises and denormalises", () => {
  leakFree(() => {
    using vae = loadVae(folder);
    assert.deepEqual([vae.spatialStride, vae.temporalStride, vae.latentChannels], [16, 4, 48]);
    const zero = vae.normalize(zeros([1, 48, 1, 1, 1]));
    const wanted = config.latents_mean.map((mean: number, i: number) => -mean / config.latents_std[i]);
    zero.toNumbers().forEach((value, i) => assert(Math.abs(value - wanted[i]) < 1e-6));
    assert(vae.denormalize(zero).abs().amax().item() < 1e-6);
  });
});

Deno.test("WanVae.encode() refuses sizes that it could not give back", () => {
  leakFree(() => {
    using vae = loadVae(folder);
    for (const shape of [[1, 3, 4, 32, 32], [1, 3, 5, 32, 24], [1, 4, 5, 32, 32], [3, 5, 32, 32]]) {
      assert.throws(() => vae.encode(zeros(shape)), ShapeError);
    }
    assert.throws(() => vae.decode(zeros([1, 16, 1, 2, 2])), ShapeError);
  });
});

Deno.test("WanVae.load() lists everything that does not fit and leaves nothing behind", () => {
  const before = liveHandles();
  const parsed = parseVaeConfig(config, "config.json");
  const source = {
    name: "somewhere",
    keys: () => ["decoder.extra", "quant_conv.bias"],
    shapeOf: (key: string) => key === "quant_conv.bias" ? [95] : undefined,
    load: () => zeros([1]),
  };
  assert.throws(() => WanVae.load(source, parsed), (error) => {
    assert(error instanceof WeightsError);
    assert.match(error.message, /195 tensors missing: encoder\.conv_in\.weight \[3, 12, 3, 3, 3\], /);
    assert.match(error.message, /quant_conv\.bias is \[95\], expected \[96\]/);
    assert.match(error.message, /unknown to the model: decoder\.extra/);
    return true;
  });
  assert.equal(liveHandles(), before);
});

Deno.test("parseVaeConfig() names what is wrong", () => {
  const wrong = { ...config, z_dim: 16, temperal_downsample: [true], dim_mult: "1,2" };
  assert.throws(() => parseVaeConfig(wrong, "vae/config.json"), /vae\/config\.json as a WAN VAE: dim_mult: /);
  assert.throws(() => parseVaeConfig({ ...config, z_dim: 16 }, "x"), /latents_mean: must have 16 entries/);
  assert.throws(() => parseVaeConfig({ ...config, temperal_downsample: [true] }, "x"), /temperal_downsample/);
});

const tiny = join(import.meta.dirname ?? ".", "../../presets/demo/model/vae");
Deno.test({ name: "loadVae() casts stored halves to float32", ignore: !existsSync(tiny) }, () => {
  leakFree(() => {
    using vae = loadVae(tiny);
    assert([...vae.params.values()].every(({ dtype }) => dtype === "float32"));
    assert.deepEqual(vae.decode(vae.encodeNormalized(zeros([1, 3, 5, 32, 32]))).shape, [1, 3, 5, 32, 32]);
  });
});

Deno.test("loadVae() names the folder that has no config", () => {
  assert.throws(() => loadVae("/nowhere/vae"), /Cannot load the VAE: \/nowhere\/vae\/config\.json does not exist/);
});
