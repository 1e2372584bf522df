// deno-lint-ignore-file no-console
/**
 * `deno run -A tests/bench/vae.ts [--kind 2.1|2.2] [--size WxHxF] [--tiles N] [--whole] [--threads N]`: memory and time of
 * decoding with a VAE at its published widths and random weights, in float32 on the host. Fails where the work takes more
 * than its bound, or where decoded pixels are not finite. `--tiles` ends after so many: memory is at its height with the
 * first ones, as each goes through all frames; only the video fills up as they come, so it is added in full.
 * Measured on two threads beside other work, the first 2 of the 12 tiles of 384x304 of 1280x720x17: with 2.1 0.67 GiB of weights
 * and program, 1.76 GiB of work and 0.18 GiB of video, 632 s; with 2.2 2.81, 1.47 and 0.18 GiB, 892 s.
 * That the first tiles tell: all 12 tiles of one frame with 2.1 took the 1.52 GiB of work that its first 2 did, 199 s. All tiles
 * of 17 frames with 2.1 were decoded when the host did not yet keep freed memory, 2.10 GiB of work, 5321 s on one thread.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import latents from "../../specs/wan/latents.json" with { type: "json" };
import kinds from "../../specs/wan/vae.json" with { type: "json" };
import { findLibtorch, shimFor } from "../../src/setup/mod.ts";
import { Generator, libtorchMinor, openTorch, randn, type Tensor, tidy, unscoped } from "../../src/torch/mod.ts";
import { type VaeConfig, vaeShapes, WanVae } from "../../src/wan/vae/mod.ts";

const GIB = 2 ** 30;

/** What decoding 1280x720x17 may take beside the weights and the video itself. */
const LIMIT = 2.25 * GIB;

const CONFIGS: Record<string, VaeConfig> = {
  "2.1": { ...kinds["2.1"], latentsMean: latents["16"].mean, latentsStd: latents["16"].std },
  "2.2": { ...kinds["2.2"], latentsMean: latents["48"].mean, latentsStd: latents["48"].std },
};

const { values } = parseArgs({
  options: {
    kind: { type: "string", default: "2.1" },
    size: { type: "string", default: "1280x720x17" },
    tiles: { type: "string" },
    whole: { type: "boolean", default: false },
    threads: { type: "string" },
  },
});
const [width = 0, height = 0, frames = 0] = values.size.split("x").map(Number);
const numTiles = Number(values.tiles ?? Infinity);
const config = CONFIGS[values.kind];
if (config === undefined) throw new Error(`--kind ${values.kind}: must be one of ${Object.keys(CONFIGS).join(", ")}`);

/** A field of /proc/self/status in bytes. */
function memory(field: "VmRSS" | "VmHWM"): number {
  const line = readFileSync("/proc/self/status", "utf8").split("\n").find((text) => text.startsWith(field));
  return Number(line?.match(/\d+/)?.[0] ?? NaN) * 1024;
}

function randomVae(config: VaeConfig, generator: Generator): WanVae {
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

/** Decodes random latents until `numTiles` are done. @returns how far it came */
function decode(vae: WanVae, generator: Generator): string {
  const { spatialStride: s, temporalStride: t } = vae;
  const enough = new Error("enough tiles");
  let progress = "";
  try {
    tidy(() => {
      const z = randn([1, vae.latentChannels, (frames - 1) / t + 1, height / s, width / s], { generator });
      const video = vae.decode(z, {
        tiling: values.whole ? false : "auto",
        onProgress: (done, total) => {
          progress = `${done} of ${total} tiles`;
          console.error(`${progress}, ${seconds()} s`);
          if (done >= numTiles) throw enough;
        },
      });
      if (!video.isfinite().all().item()) throw new Error("decoded pixels are not finite");
    });
  } catch (error) {
    if (error !== enough) throw error;
  }
  return progress;
}

const dir = await findLibtorch();
const minor = libtorchMinor(dir.dir);
const threads = Number(values.threads ?? navigator.hardwareConcurrency);
openTorch({ libtorch: dir.dir, shim: await shimFor(dir.dir, { minor }), torchMinor: minor, threads });
using generator = Generator.seeded(1);
using vae = randomVae(config, generator);
const before = memory("VmRSS");
const video = 3 * 4 * width * height * frames;
const started = performance.now();
const seconds = (): string => ((performance.now() - started) / 1000).toFixed(0);
const progress = decode(vae, generator);
// A whole decode has filled the video, a part of one some of it: its share is taken off what was measured in either case.
const [done = 0, total = 1] = progress.split(" of ").map(parseFloat);
const work = memory("VmHWM") - before - video * done / total;
const gib = (bytes: number): string => `${(bytes / GIB).toFixed(2)} GiB`;
const fits = values.whole || work <= LIMIT;
console.log(
  `VAE of ${values.kind}, decode ${values.size}: ${progress}, ${seconds()} s on ${threads} threads; weights and program ` +
    `${gib(before)} + work ${gib(work)} + video ${gib(video)} = ${gib(before + work + video)}` +
    (values.whole ? "" : fits ? `  ok, work at most ${gib(LIMIT)}` : `  WORK OF MORE THAN ${gib(LIMIT)}`),
);
if (!fits) Deno.exitCode = 1;
