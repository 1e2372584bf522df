// deno-lint-ignore-file no-console
/**
 * `deno run -A tests/bench/vae.ts [--size WxHxF] [--tiles N] [--whole] [--threads N]`: memory and time of decoding with the
 * VAE of 2.2 at its published widths and random weights, in float32 on the host. Without `--tiles` every tile is decoded,
 * which at 1280x720x17 takes 3·10^14 operations for the pixels and 1.8 times that in tiles: hours on two cores. Memory is at
 * its height with the first tiles, as each goes through all frames; only the video itself fills up as they come, so it is
 * added in full. Measured over two tiles: 2.82 GiB of weights and program, 1.50 GiB of work, 0.18 GiB of video, 4.50 GiB
 * in all.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { findLibtorch, shimFor } from "../../src/setup/mod.ts";
import { Generator, libtorchMinor, openTorch, randn, type Tensor, tidy, unscoped } from "../../src/torch/mod.ts";
import { parseVaeConfig, vaeShapes, WanVae } from "../../src/wan/vae/mod.ts";

const GIB = 2 ** 30;

/** What decoding 1280x720x17 may take beside the weights and the video itself. */
const LIMIT = 2 * GIB;

/** Source: diffusers' config of the VAE of Wan2.2-TI2V-5B; the scale of latents does not matter here. */
const PUBLISHED = {
  base_dim: 160,
  decoder_base_dim: 256,
  z_dim: 48,
  dim_mult: [1, 2, 4, 4],
  num_res_blocks: 2,
  temperal_downsample: [false, true, true],
  is_residual: true,
  patch_size: 2,
  latents_mean: Array<number>(48).fill(0),
  latents_std: Array<number>(48).fill(1),
};

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "1280x720x17" },
    tiles: { type: "string" },
    whole: { type: "boolean", default: false },
    threads: { type: "string" },
  },
});
const [width = 0, height = 0, frames = 0] = values.size.split("x").map(Number);
const numTiles = Number(values.tiles ?? Infinity);

/** A field of /proc/self/status in bytes. */
function memory(field: "VmRSS" | "VmHWM"): number {
  const line = readFileSync("/proc/self/status", "utf8").split("\n").find((text) => text.startsWith(field));
  return Number(line?.match(/\d+/)?.[0] ?? NaN) * 1024;
}

function randomVae(generator: Generator): WanVae {
  const config = parseVaeConfig(PUBLISHED, "the benchmark");
  const shapes = vaeShapes(config);
  return WanVae.load({
    name: "the benchmark",
    keys: () => shapes.keys(),
    shapeOf: (key) => shapes.get(key),
    load: (key): Tensor => {
      const shape = shapes.get(key) ?? [];
      return unscoped(() => {
        const weight = randn(shape, { generator });
        weight.mul_(0.5 / Math.sqrt(shape.slice(1).reduce((a, b) => a * b, 1)));
        return weight;
      });
    },
  }, config);
}

const dir = await findLibtorch();
const minor = libtorchMinor(dir.dir);
const threads = Number(values.threads ?? navigator.hardwareConcurrency);
openTorch({ libtorch: dir.dir, shim: await shimFor(dir.dir, { minor }), torchMinor: minor, threads });
using generator = Generator.seeded(1);
using vae = randomVae(generator);
const before = memory("VmRSS");
const video = 3 * 4 * width * height * frames;
const latents = [1, vae.latentChannels, (frames - 1) / vae.temporalStride + 1, height / 16, width / 16];
const enough = new Error("enough tiles");
const started = performance.now();
let progress = "";
try {
  tidy(() => {
    vae.decode(randn(latents, { generator }), {
      tiling: values.whole ? false : "auto",
      onProgress: (done, total) => {
        progress = `${done} of ${total} tiles`;
        console.error(`${progress}, ${((performance.now() - started) / 1000).toFixed(0)} s`);
        if (done >= numTiles) throw enough;
      },
    });
  });
} catch (error) {
  if (error !== enough) throw error;
}
const work = memory("VmHWM") - before;
const gib = (bytes: number): string => `${(bytes / GIB).toFixed(2)} GiB`;
console.log(
  `decode ${values.size}: ${progress}, ${((performance.now() - started) / 1000).toFixed(0)} s on ${threads} threads; ` +
    `weights and program ${gib(before)} + work ${gib(work)} + video ${gib(video)} = ${gib(before + work + video)}` +
    (values.whole ? "" : work <= LIMIT ? `  ok, work at most ${gib(LIMIT)}` : `  WORK OF MORE THAN ${gib(LIMIT)}`),
);
