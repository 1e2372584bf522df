/**
 * The WAN VAE: videos to latents and back, exact to the whole-sequence definition while it works through chunks of 1, 4,
 * 4, … frames with a cache, and where the whole would take much memory, tile by tile. Letters: B batch, C latent channels, F H W pixel frames, rows, columns, T h w latent ones.
 * Source: diffusers autoencoder_kl_wan.py, AutoencoderKLWan.
 */
import { ShapeError } from "../../base/mod.ts";
import { buildModel, parameterShapes, type Params, type ParamSource } from "../../nn/mod.ts";
import { dims, dtypeSize, empty, noGrad, type Tensor, tensor, tidy, unscoped } from "../../torch/mod.ts";
import type { VideoSize } from "../geometry.ts";
import { FeatureCache } from "./cache.ts";
import { type VaeConfig, vaeStrides } from "./config.ts";
import { CausalConv3d } from "./conv.ts";
import { Decoder, Encoder } from "./halves.ts";
import { decoderPlan, encoderPlan } from "./layout.ts";
import { patchify, unpatchify } from "./shortcut.ts";
import { makePlane, type Region, resolveTiling, tilesIn, type TileSizes, type Tiling } from "./tiling.ts";

/** Red, green, blue. */
const PIXEL_CHANNELS = 3;

/** Bounds of the log variance. Source: diffusers autoencoders/vae.py, DiagonalGaussianDistribution */
const LOGVAR_RANGE = [-30, 20] as const;

/** The posterior of a video's latents, not normalised; the mean is the latent. float32 */
export interface Posterior {
  /** [B, C, T, h, w] */
  readonly mean: Tensor;
  /** [B, C, T, h, w], in [−30, 20] */
  readonly logvar: Tensor;
}

/** A video whose frames are made as they are needed. */
export interface FrameSource {
  /** [B, 3, F, H, W] */
  readonly shape: readonly number[];
  /** Frames [B, 3, length, H, W] from `start` on; the caller frees them. May be asked for again, once for each tile. */
  frames(start: number, length: number): Tensor;
}

/** How a video is worked on. */
export interface WorkOptions {
  /** Tiles in pixels; `auto` if absent */
  readonly tiling?: Tiling | undefined;
  /** Called before the first tile and after each; may throw to end the work. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** The layers, as they hang below a checkpoint's root. */
class Layers {
  readonly encoder: Encoder;
  readonly quantConv: CausalConv3d;
  readonly postQuantConv: CausalConv3d;
  readonly decoder: Decoder;

  constructor(p: Params, config: VaeConfig) {
    const C = config.latentChannels;
    const patch = PIXEL_CHANNELS * config.patchSize ** 2;
    const point = { kernel: [1, 1, 1] } as const;
    this.encoder = new Encoder(p.at("encoder"), { plan: encoderPlan(config), inChannels: patch, outChannels: 2 * C });
    this.quantConv = new CausalConv3d(p.at("quant_conv"), { inChannels: 2 * C, outChannels: 2 * C, ...point });
    this.postQuantConv = new CausalConv3d(p.at("post_quant_conv"), { inChannels: C, outChannels: C, ...point });
    this.decoder = new Decoder(p.at("decoder"), { plan: decoderPlan(config), inChannels: C, outChannels: patch });
  }
}

/** The parameters of a VAE by diffusers' names, with their shapes. */
export function vaeShapes(config: VaeConfig): ReadonlyMap<string, readonly number[]> {
  return parameterShapes((p) => new Layers(p, config));
}

/** A loaded VAE. It records no graph and owns its parameters until it is disposed of. */
export class WanVae implements Disposable {
  readonly config: VaeConfig;
  /** Pixels along a side for one latent position. */
  readonly spatialStride: number;
  /** Frames for one latent frame, the first one aside. */
  readonly temporalStride: number;
  readonly latentChannels: number;
  /** Parameters by diffusers' names. */
  readonly params: ReadonlyMap<string, Tensor>;
  readonly #layers: Layers;
  /** [1, C, 1, 1, 1] */
  readonly #mean: Tensor;
  readonly #std: Tensor;
  readonly #like: { dtype: Tensor["dtype"]; device: Tensor["device"] };

  private constructor(layers: Layers, options: { params: ReadonlyMap<string, Tensor>; config: VaeConfig }) {
    const { config, params } = options;
    this.#layers = layers;
    this.config = config;
    this.params = params;
    this.latentChannels = config.latentChannels;
    const { spatialStride, temporalStride } = vaeStrides(config);
    this.spatialStride = spatialStride;
    this.temporalStride = temporalStride;
    const [first] = params.values();
    this.#like = { dtype: first?.dtype ?? "float32", device: first?.device ?? "cpu" };
    const perChannel = (values: readonly number[]): Tensor =>
      unscoped(() => tensor(values, { shape: [1, values.length, 1, 1, 1], device: this.#like.device }));
    this.#mean = perChannel(config.latentsMean);
    this.#std = perChannel(config.latentsStd);
  }

  /**
   * Builds a VAE from a source of parameters under diffusers' names, all of one type and on one device.
   * @throws {WeightsError} listing every parameter that is missing, surplus or of another shape
   */
  static load(source: ParamSource, config: VaeConfig): WanVae {
    return unscoped(() => {
      const { model, params } = buildModel(source, { build: (p) => new Layers(p, config), what: "the VAE" });
      return new WanVae(model, { params, config });
    });
  }

  /**
   * The latents' posterior.
   * @param video [B, 3, F, H, W] in [−1, 1], F = 4·n + 1, sides multiples of `spatialStride`
   * @throws {ShapeError} for other sizes
   * @throws {RangeError} for tiles that are not whole latent positions
   */
  encode(video: Tensor | FrameSource, options: WorkOptions = {}): Posterior {
    const source = "frames" in video ? video : {
      shape: video.shape,
      frames: (start: number, length: number): Tensor => video.narrow(2, start, length),
    };
    const { B, F, H, W } = this.#checkVideo(source.shape);
    const { spatialStride: s, temporalStride: t } = this;
    const shape = [B, 2 * this.latentChannels, (F - 1) / t + 1, H / s, W / s] as const;
    return noGrad(() =>
      tidy(() => {
        const moments = empty(shape, { device: this.#like.device });
        makePlane({
          shape,
          device: this.#like.device,
          tiles: tilesIn(s, this.#tiles("encode", { height: H, width: W, ...options })),
          make: (region, put) => this.#encodeRegion(source, { region, put }),
          put: (part, { frame, region }) => within(moments, { frame, region }, part).copy_(part),
          onProgress: options.onProgress,
        });
        const [mean, logvar] = moments.chunk(2, 1) as [Tensor, Tensor];
        return { mean: mean.clone(), logvar: logvar.clamp(...LOGVAR_RANGE) };
      })
    );
  }

  /** What the transformer is trained on: the posterior's mean, normalised. @returns [B, C, T, h, w] float32 */
  encodeNormalized(video: Tensor | FrameSource, options: WorkOptions = {}): Tensor {
    return tidy(() => this.normalize(this.encode(video, options).mean));
  }

  /**
   * Pixels of normalised latents.
   * @param latents [B, C, T, h, w], any floating dtype
   * @returns [B, 3, 4·(T − 1) + 1, H, W] float32 in [−1, 1]
   * @throws {RangeError} for tiles that are not whole latent positions
   */
  decode(latents: Tensor, options: WorkOptions = {}): Tensor {
    const { B, T, h, w } = dims(latents, "B C T h w", { C: this.latentChannels });
    const { spatialStride: s, temporalStride: t, config: { patchSize: p } } = this;
    const [F, height, width] = [(T - 1) * t + 1, h * s, w * s];
    const { device } = this.#like;
    return noGrad(() =>
      tidy(() => {
        using cache = new FeatureCache();
        const z = this.#layers.postQuantConv.forward(this.denormalize(latents).to(this.#like), cache);
        const video = empty([B, PIXEL_CHANNELS, F, height, width], { device });
        makePlane({
          shape: [B, PIXEL_CHANNELS * p * p, F, height / p, width / p],
          device,
          tiles: tilesIn(p, this.#tiles("decode", { height, width, ...options })),
          make: (region, put) => this.#decodeRegion(z, { region, put }),
          put: (part, { frame, region: { y, x } }) => {
            const pixels = unpatchify(part, p);
            within(video, { frame, region: { y: y * p, x: x * p } }, pixels).copy_(pixels);
          },
          onProgress: options.onProgress,
        });
        video.clamp_(-1, 1);
        return video;
      })
    );
  }

  /**
   * The largest part of a video, in pixels, that a half works on at once, and the bytes of what tiles are joined in: a tile through
   * all frames and the edges of those above it.
   */
  tileWork(
    half: "encode" | "decode",
    size: VideoSize,
  ): { tile: { width: number; height: number }; planeBytes: number } {
    const { width, height, numFrames } = size;
    const tiles = this.#tiles(half, { width, height });
    if (tiles === undefined) return { tile: { width, height }, planeBytes: 0 };
    const tile = { width: Math.min(tiles.width, width), height: Math.min(tiles.height, height) };
    const pixels = tile.width * tile.height + width * (tiles.height - tiles.strideHeight);
    const perPixel = half === "decode"
      ? PIXEL_CHANNELS * numFrames
      : 2 * this.latentChannels * ((numFrames - 1) / this.temporalStride + 1) / this.spatialStride ** 2;
    return { tile, planeBytes: 4 * perPixel * pixels };
  }

  /** (latents − mean) / deviation, by channel. @param latents [B, C, T, h, w] @returns float32 on the VAE's device */
  normalize(latents: Tensor): Tensor {
    return tidy(() => this.#placed(latents).sub(this.#mean).div(this.#std));
  }

  /** The inverse of `normalize`. */
  denormalize(latents: Tensor): Tensor {
    return tidy(() => this.#placed(latents).mul(this.#std).add(this.#mean));
  }

  [Symbol.dispose](): void {
    for (const param of this.params.values()) param[Symbol.dispose]();
    this.#mean[Symbol.dispose]();
    this.#std[Symbol.dispose]();
  }

  #placed(latents: Tensor): Tensor {
    dims(latents, "_ C _ _ _", { C: this.latentChannels });
    return latents.to({ dtype: "float32", device: this.#like.device });
  }

  /** Moments of a region in latent positions: chunks of 1, 4, 4, … frames, each a latent frame. */
  #encodeRegion(source: FrameSource, work: { region: Region; put: (chunk: Tensor, frame: number) => void }): void {
    const { spatialStride: s, temporalStride, config: { patchSize } } = this;
    const { region: { y, x, height, width }, put } = work;
    using cache = new FeatureCache();
    const F = source.shape[2] ?? 0;
    for (let start = 0, frame = 0; start < F; frame++) {
      const length = start === 0 ? 1 : temporalStride;
      tidy(() => {
        const pixels = source.frames(start, length).narrow(3, y * s, height * s).narrow(4, x * s, width * s);
        const features = this.#layers.encoder.forward(patchify(pixels.to(this.#like), patchSize), cache);
        put(this.#layers.quantConv.forward(features, cache), frame);
      });
      cache.endChunk();
      start += length;
    }
  }

  /** Patches of a region in their positions, from latents [B, C, T, h, w]: a latent frame after the other. */
  #decodeRegion(z: Tensor, work: { region: Region; put: (chunk: Tensor, frame: number) => void }): void {
    const scale = this.spatialStride / this.config.patchSize;
    const { region: { y, x, height, width }, put } = work;
    using cache = new FeatureCache();
    for (let t = 0, frame = 0; t < z.size(2); t++) {
      frame += tidy(() => {
        const chunk = z.narrow(2, t, 1).narrow(3, y / scale, height / scale).narrow(4, x / scale, width / scale);
        const patches = this.#layers.decoder.forward(chunk, cache);
        put(patches, frame);
        return patches.size(2);
      });
      cache.endChunk();
    }
  }

  #tiles(half: "encode" | "decode", options: WorkOptions & { height: number; width: number }): TileSizes | undefined {
    const { tiling = "auto", height, width } = options;
    const { config, spatialStride: stride } = this;
    return resolveTiling(tiling, { config, half, height, width, stride, elementBytes: dtypeSize(this.#like.dtype) });
  }

  #checkVideo(shape: readonly number[]): { B: number; F: number; H: number; W: number } {
    const [t, s] = [this.temporalStride, this.spatialStride];
    const [B = 0, C, F = 0, H = 0, W = 0] = shape;
    if (shape.length !== 5 || C !== PIXEL_CHANNELS) {
      throw new ShapeError(`Cannot encode a video of shape [${shape.join(", ")}]: it must be [B, 3, F, H, W].`);
    }
    if ((F - 1) % t === 0 && H % s === 0 && W % s === 0) return { B, F, H, W };
    throw new ShapeError(
      `Cannot encode ${F} frames of ${W}x${H} pixels: frames must be ${t}·n + 1 and sides multiples of ${s}.`,
    );
  }
}

/** The part of a video that another one, beginning at a place in it, covers. */
function within(
  video: Tensor,
  { frame, region }: { frame: number; region: { y: number; x: number } },
  part: Tensor,
): Tensor {
  const { F, H, W } = dims(part, "_ _ F H W");
  return video.narrow(2, frame, F).narrow(3, region.y, H).narrow(4, region.x, W);
}
