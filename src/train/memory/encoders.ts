/**
 * What the text encoder and the VAE take, measured on blank ones: the weights are counted, a layer or two of the text encoder are
 * computed with, and of a large video two smaller ones.
 */
import { type Device, dtypeSize, enableGrad, grad, noGrad, tidy, zeros, zerosLike } from "../../torch/mod.ts";
import type { DType } from "../../torch/mod.ts";
import { latentSize, type ModelSource, umt5Shapes, vaeShapes, type VideoSize, type WanVae } from "../../wan/mod.ts";
import { blankTextEncoder, blankVae } from "./blank.ts";
import { above } from "./measure.ts";

/** Bytes and seconds of the text encoder for one text. */
export interface TextCosts {
  readonly weights: number;
  /** The most above the weights. */
  readonly work: number;
  readonly seconds: number;
  /** What a graph through it keeps for the backward pass, and the most above that in the backward pass. */
  readonly graph: number;
  readonly backward: number;
}

/** Bytes and seconds of one half of the VAE for one video; the VAE is there whole. */
export interface VaeCosts {
  readonly weights: number;
  /** The most above the weights and the video. */
  readonly work: number;
  readonly seconds: number;
}

/** Measures a text of so many tokens. @param options.trains whether a gradient goes back through the encoder */
export function measureText(
  models: ModelSource,
  options: { numTokens: number; device: Device; dtype: DType; trains: boolean },
): TextCosts {
  const { dtype, trains } = options;
  const { numLayers } = models.textEncoderConfig;
  const one = measureLayers(models, { ...options, numLayers: 1 });
  const two = measureLayers(models, { ...options, numLayers: 2 });
  const all = (first: number, second: number): number => first + (numLayers - 1) * Math.max(0, second - first);
  return {
    weights: countOf(umt5Shapes(models.textEncoderConfig)) * dtypeSize(dtype),
    work: one.work,
    seconds: all(one.seconds, two.seconds),
    graph: trains ? all(one.graph, two.graph) : 0,
    backward: two.backward,
  };
}

function measureLayers(
  models: ModelSource,
  options: { numLayers: number; numTokens: number; device: Device; dtype: DType; trains: boolean },
): Pick<TextCosts, "work" | "seconds" | "graph" | "backward"> {
  const { numTokens, device, trains } = options;
  using encoder = blankTextEncoder(models, options);
  const ids = [new Array<number>(numTokens).fill(0)];
  return tidy(() => {
    noGrad(() => tidy(() => void encoder.encode(ids))); // the first use of a shape takes longer
    const forward = above(device, () => noGrad(() => encoder.encode(ids)));
    const costs = { work: forward.most, seconds: forward.seconds, graph: 0, backward: 0 };
    if (!trains) return costs;
    const vectors = zeros([1, encoder.config.width], { device });
    vectors.setRequiresGrad(true);
    const graph = above(
      device,
      () => enableGrad(() => encoder.encode(ids, { extraEmbeddings: { firstId: 0, vectors } })),
    );
    const backward = above(
      device,
      () => tidy(() => void grad([graph.value], [vectors], { outputGrads: [zerosLike(graph.value)] })),
    );
    return { ...costs, graph: graph.stays, backward: Math.max(backward.most, graph.most - graph.stays) };
  });
}

/** Pixels of a tile up to which it is measured as it is. Chosen: seconds for the published VAEs on a slow host. */
const MOST_PIXELS = 96 * 96;
/** Widths that are measured for larger ones, at the tile's own height: by that libtorch chooses how it convolves. */
const WIDTHS = [32, 64] as const;
/** Frames up to which a video is measured as it is: the first, and twice those of a latent frame. From then on nothing grows. */
const MOST_FRAMES = 9;

/** Measures a half of the VAE at a video: a tile of it, or two strips of that and a line in their width. */
export function measureVae(
  models: ModelSource,
  { half, size, device }: { half: "encode" | "decode"; size: VideoSize; device: Device },
): VaeCosts {
  using vae = blankVae(models, { device });
  const { tile: { width, height }, planeBytes } = vae.tileWork(half, size);
  const numFrames = Math.min(size.numFrames, MOST_FRAMES);
  const at = (width: number): { work: number; seconds: number } =>
    measureHalf(vae, { half, size: { width, height, numFrames }, device });
  const [narrow, wide] = WIDTHS;
  const isSmall = width * height <= MOST_PIXELS || width <= wide;
  const [low, high] = isSmall ? [undefined, at(width)] : [at(narrow), at(wide)];
  const whole = (of: (costs: typeof high) => number): number =>
    of(high) + (low === undefined ? 0 : Math.max(0, of(high) - of(low)) * (width - wide) / (wide - narrow));
  const tiles = size.width * size.height / (width * height), chunks = chunksOf(size.numFrames) / chunksOf(numFrames);
  return {
    weights: countOf(vaeShapes(models.vaeConfig)) * dtypeSize("float32"),
    work: whole(({ work }) => work) + planeBytes,
    seconds: whole(({ seconds }) => seconds) * tiles * chunks,
  };
}

/** The first frame takes about a quarter of a later chunk's. */
function chunksOf(numFrames: number): number {
  return 0.25 + (numFrames - 1) / 4;
}

function measureHalf(
  vae: WanVae,
  { half, size, device }: { half: "encode" | "decode"; size: VideoSize; device: Device },
): { work: number; seconds: number } {
  const { width, height, numFrames } = size;
  return noGrad(() =>
    tidy(() => {
      const run = half === "encode"
        ? encoding(zeros([1, 3, numFrames, height, width], { device }))
        : decoding(zeros([1, vae.latentChannels, ...latentSize(size, stridesOf(vae))], { device }));
      const { most, seconds } = above(device, () => tidy(run));
      const video = half === "encode" ? 0 : 4 * 3 * numFrames * height * width;
      return { work: most - video, seconds };
    })
  );
  function encoding(video: ReturnType<typeof zeros>): () => void {
    return () => void vae.encodeNormalized(video, { tiling: false });
  }
  function decoding(latents: ReturnType<typeof zeros>): () => void {
    return () => void vae.decode(latents, { tiling: false });
  }
}

function stridesOf({ spatialStride, temporalStride }: WanVae): {
  spatialStride: number;
  temporalStride: number;
  spatialDivisor: number;
} {
  return { spatialStride, temporalStride, spatialDivisor: spatialStride };
}

function countOf(shapes: ReadonlyMap<string, readonly number[]>): number {
  return [...shapes.values()].reduce((sum, shape) => sum + shape.reduce((product, size) => product * size, 1), 0);
}
