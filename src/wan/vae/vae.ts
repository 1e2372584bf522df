/**
 * The WAN VAE: videos to latents and back, exact to the whole-sequence definition while it works through chunks of 1, 4,
 * 4, … frames with a cache. Letters: B batch, C latent channels, F H W pixel frames, rows, columns, T h w latent ones.
 * Source: diffusers autoencoder_kl_wan.py, AutoencoderKLWan.
 */
import { ShapeError } from "../../base/mod.ts";
import { buildModel, type Params, type ParamSource } from "../../nn/mod.ts";
import { cat, dims, noGrad, type Tensor, tensor, tidy, unscoped } from "../../torch/mod.ts";
import { FeatureCache } from "./cache.ts";
import { type VaeConfig, vaeStrides } from "./config.ts";
import { CausalConv3d } from "./conv.ts";
import { Decoder, Encoder } from "./halves.ts";
import { decoderPlan, encoderPlan } from "./layout.ts";
import { patchify, unpatchify } from "./shortcut.ts";

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
   */
  encode(video: Tensor): Posterior {
    const { F } = this.#checkVideo(video);
    return noGrad(() =>
      tidy(() => {
        using cache = new FeatureCache();
        const chunks: Tensor[] = [];
        for (let start = 0; start < F;) {
          const length = start === 0 ? 1 : this.temporalStride;
          const chunk = (): Tensor => patchify(video.narrow(2, start, length).to(this.#like), this.config.patchSize);
          chunks.push(tidy(() => this.#layers.encoder.forward(chunk(), cache)));
          cache.endChunk();
          start += length;
        }
        const moments = this.#layers.quantConv.forward(cat(chunks, 2), cache).float(); // [B, 2·C, T, h, w]
        const [mean, logvar] = moments.chunk(2, 1) as [Tensor, Tensor];
        return { mean: mean.clone(), logvar: logvar.clamp(...LOGVAR_RANGE) };
      })
    );
  }

  /** What the transformer is trained on: the posterior's mean, normalised. @returns [B, C, T, h, w] float32 */
  encodeNormalized(video: Tensor): Tensor {
    return tidy(() => this.normalize(this.encode(video).mean));
  }

  /**
   * Pixels of normalised latents.
   * @param latents [B, C, T, h, w], any floating dtype
   * @returns [B, 3, 4·(T − 1) + 1, H, W] float32 in [−1, 1]
   */
  decode(latents: Tensor): Tensor {
    const { T } = dims(latents, "B C T h w", { C: this.latentChannels });
    return noGrad(() =>
      tidy(() => {
        using cache = new FeatureCache();
        const z = this.#layers.postQuantConv.forward(this.denormalize(latents).to(this.#like), cache);
        const chunks: Tensor[] = [];
        for (let t = 0; t < T; t++) {
          chunks.push(tidy(() => {
            const patches = this.#layers.decoder.forward(z.narrow(2, t, 1), cache);
            return unpatchify(patches, this.config.patchSize).float().clamp(-1, 1);
          }));
          cache.endChunk();
        }
        return cat(chunks, 2);
      })
    );
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

  #checkVideo(video: Tensor): { F: number } {
    const { F, H, W } = dims(video, "B 3 F H W");
    const [t, s] = [this.temporalStride, this.spatialStride];
    if ((F - 1) % t === 0 && H % s === 0 && W % s === 0) return { F };
    throw new ShapeError(
      `Cannot encode ${F} frames of ${W}x${H} pixels: frames must be ${t}·n + 1 and sides multiples of ${s}.`,
    );
  }
}
