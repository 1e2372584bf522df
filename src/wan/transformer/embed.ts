/**
 * What a WAN transformer conditions on: patches of the latents, the timestep and the text. Letters: B batch, L tokens,
 * C width, K distinct timesteps.
 */
import { type Layer, Linear, type Params } from "../../nn/mod.ts";
import { type Device, dims, gelu, linear, silu, type Tensor, tensor, tidy } from "../../torch/mod.ts";
import type { TransformerConfig } from "./config.ts";

/** Timesteps embedded once each, and which of them every token has. */
export interface TimeEmbedding {
  /** [K, C]: what the head is modulated by */
  readonly embedding: Tensor;
  /** [K, 6, C]: what the blocks are modulated by */
  readonly projection: Tensor;
  /** [B · L] int64 into K, or undefined when sample b has timestep b throughout */
  readonly index: Tensor | undefined;
  readonly batch: number;
}

/** The row of modulation values for every token: [B, 1, C], or [B, L, C] with timesteps of their own. */
export function rowsOf(values: Tensor, time: TimeEmbedding): Tensor {
  const { C } = dims(values, "_ C");
  if (time.index === undefined) return values.unsqueeze(1);
  return values.indexSelect(0, time.index).reshape([time.batch, -1, C]);
}

/** A convolution whose stride is its kernel, as a product with the patches: tokens in frame, row, column order. */
export class PatchEmbedding {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly #patch: readonly [number, number, number];

  constructor(p: Params, config: TransformerConfig) {
    this.weight = p.get("weight", [config.width, config.inChannels, ...config.patchSize]);
    this.bias = p.get("bias", [config.width]);
    this.#patch = config.patchSize;
  }

  /** @param x [B, in, T, h, w] @returns [B, L, C] in the weight's dtype */
  forward(x: Tensor): Tensor {
    const { B, C, T, h, w } = dims(x, "B C T h w");
    const [pt, ph, pw] = this.#patch;
    const patches = x.to({ dtype: this.weight.dtype })
      .reshape([B, C, T / pt, pt, h / ph, ph, w / pw, pw])
      .permute([0, 2, 4, 6, 1, 3, 5, 7])
      .reshape([B, (T / pt) * (h / ph) * (w / pw), C * pt * ph * pw]);
    return linear(patches, this.weight.flatten(1), this.bias);
  }
}

/** Two linears with an activation between them. */
class Mlp implements Layer {
  readonly #first: Linear;
  readonly #second: Linear;
  readonly #activation: (x: Tensor) => Tensor;

  constructor(p: Params, options: { inFeatures: number; width: number; activation: (x: Tensor) => Tensor }) {
    const { inFeatures, width } = options;
    this.#first = Linear.load(p.at("linear_1"), { inFeatures, outFeatures: width });
    this.#second = Linear.load(p.at("linear_2"), { inFeatures: width, outFeatures: width });
    this.#activation = options.activation;
  }

  get linears(): Linear[] {
    return [this.#first, this.#second];
  }

  forward(x: Tensor): Tensor {
    return this.#second.forward(this.#activation(this.#first.forward(x)));
  }
}

/**
 * The sinusoid of a timestep: cosines first. Computed in float64.
 * @param timesteps on the scale 0 … 1000
 * @returns [K, channels] float32
 * Source: Wan-Video/Wan2.2 wan/modules/model.py, sinusoidal_embedding_1d
 */
export function timestepSinusoid(timesteps: readonly number[], options: { channels: number; device: Device }): Tensor {
  const { channels, device } = options;
  const half = channels / 2;
  const values = new Float32Array(timesteps.length * channels);
  timesteps.forEach((timestep, k) => {
    for (let i = 0; i < half; i++) {
      const angle = timestep * Math.pow(10000, -i / half);
      values[k * channels + i] = Math.cos(angle);
      values[k * channels + half + i] = Math.sin(angle);
    }
  });
  return tensor(values, { shape: [timesteps.length, channels], device });
}

/** The `condition_embedder` of diffusers' names: timestep and text into the transformer's width. */
export class ConditionEmbedder {
  readonly #time: Mlp;
  readonly #timeProjection: Linear;
  readonly #text: Mlp;
  readonly #config: TransformerConfig;

  constructor(p: Params, config: TransformerConfig) {
    const { width, freqDim, textDim } = config;
    this.#config = config;
    this.#time = new Mlp(p.at("time_embedder"), { inFeatures: freqDim, width, activation: silu });
    this.#timeProjection = Linear.load(p.at("time_proj"), { inFeatures: width, outFeatures: 6 * width });
    this.#text = new Mlp(p.at("text_embedder"), {
      inFeatures: textDim,
      width,
      activation: (x) => gelu(x, "tanh"),
    });
  }

  /** The layers that adapters can hang on. */
  get linears(): Linear[] {
    return [...this.#time.linears, this.#timeProjection, ...this.#text.linears];
  }

  /**
   * Embeds timesteps. Equal ones are embedded once: per-token timesteps of a clip with a clean first frame have two
   * values, and the expanded form would cost 24·L·C bytes.
   * @param timestep [B], or [B, L] with one for each token; best kept on the host, it is read there
   */
  time(timestep: Tensor): TimeEmbedding {
    const values = timestep.toNumbers();
    const batch = timestep.size(0);
    const device = this.#timeProjection.weight.device;
    const distinct = timestep.ndim === 1 ? values : [...new Set(values)];
    const embedding = this.#time.forward(
      timestepSinusoid(distinct, { channels: this.#config.freqDim, device }),
    );
    const projection = this.#timeProjection.forward(silu(embedding)).float()
      .reshape([distinct.length, 6, this.#config.width]);
    const place = new Map(distinct.map((value, k) => [value, k]));
    const index = timestep.ndim === 1
      ? undefined
      : tensor(values.map((value) => place.get(value) ?? 0), { dtype: "int64", device });
    return { embedding: embedding.float(), projection, index, batch };
  }

  /** @param rows [B, n, textDim]; rows behind the prompt are zero and are attended to @returns [B, n, C] */
  text(rows: Tensor): Tensor {
    dims(rows, "_ _ D", { D: this.#config.textDim });
    return tidy(() => this.#text.forward(rows));
  }
}
