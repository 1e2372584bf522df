/** The blocks both halves of a VAE are built from. Letters: B batch, C channels, F H W frames, rows, columns. */
import type { Params } from "../../nn/mod.ts";
import { dims, scaledDotProductAttention, silu, type Tensor } from "../../torch/mod.ts";
import type { FeatureCache } from "./cache.ts";
import { CausalConv3d, FrameConv2d, toFrames, toVideo } from "./conv.ts";
import { inTurn } from "./in_turn.ts";
import { ChannelNorm } from "./norm.ts";

const CUBE = [3, 3, 3] as const;

/** x + conv2(silu(norm2(conv1(silu(norm1(x)))))). Source: diffusers autoencoder_kl_wan.py, WanResidualBlock */
export class ResBlock {
  readonly #norm1: ChannelNorm;
  readonly #conv1: CausalConv3d;
  readonly #norm2: ChannelNorm;
  readonly #conv2: CausalConv3d;
  /** Fits the input's channels to the output's, where they differ. */
  readonly #shortcut: CausalConv3d | undefined;

  constructor(p: Params, options: { inChannels: number; outChannels: number }) {
    const { inChannels, outChannels } = options;
    this.#norm1 = new ChannelNorm(p.at("norm1"), { channels: inChannels, spaceDims: 3 });
    this.#conv1 = new CausalConv3d(p.at("conv1"), { inChannels, outChannels, kernel: CUBE });
    this.#norm2 = new ChannelNorm(p.at("norm2"), { channels: outChannels, spaceDims: 3 });
    this.#conv2 = new CausalConv3d(p.at("conv2"), { inChannels: outChannels, outChannels, kernel: CUBE });
    this.#shortcut = inChannels === outChannels
      ? undefined
      : new CausalConv3d(p.at("conv_shortcut"), { inChannels, outChannels, kernel: [1, 1, 1] });
  }

  /** @param x [B, in, F, H, W] @returns [B, out, F, H, W] */
  forward(x: Tensor, cache: FeatureCache): Tensor {
    const y = inTurn(x, [
      (z) => this.#norm1.forward(z),
      silu,
      (z) => this.#conv1.forward(z, cache),
      (z) => this.#norm2.forward(z),
      silu,
      (z) => this.#conv2.forward(z, cache),
    ]);
    y.add_(this.#shortcut?.forward(x, cache) ?? x);
    return y;
  }
}

/** Attention with one head among the positions of each frame. Source: diffusers, WanAttentionBlock */
export class FrameAttention {
  readonly #norm: ChannelNorm;
  readonly #toQkv: FrameConv2d;
  readonly #proj: FrameConv2d;

  constructor(p: Params, channels: number) {
    this.#norm = new ChannelNorm(p.at("norm"), { channels, spaceDims: 2 });
    this.#toQkv = new FrameConv2d(p.at("to_qkv"), { inChannels: channels, outChannels: 3 * channels, kernel: 1 });
    this.#proj = new FrameConv2d(p.at("proj"), { inChannels: channels, outChannels: channels, kernel: 1 });
  }

  /** @param x [B, C, F, H, W] @returns like x */
  forward(x: Tensor): Tensor {
    const { B, C, F, H, W } = dims(x, "B C F H W");
    const qkv = this.#toQkv.forward(this.#norm.forward(toFrames(x))); // [B·F, 3·C, H, W]
    const [q, k, v] = qkv.reshape([B * F, 1, 3 * C, H * W]).transpose(2, 3).contiguous().chunk(3, 3) as [
      Tensor,
      Tensor,
      Tensor,
    ]; // [B·F, 1, H·W, C] each
    const y = scaledDotProductAttention(q, k, { v }).transpose(2, 3).reshape([B * F, C, H, W]);
    return toVideo(this.#proj.forward(y), B).add(x);
  }
}

/** Residual block, attention, residual block. Source: diffusers, WanMidBlock */
export class MidBlock {
  readonly #first: ResBlock;
  readonly #attention: FrameAttention;
  readonly #second: ResBlock;

  constructor(p: Params, channels: number) {
    const options = { inChannels: channels, outChannels: channels };
    this.#first = new ResBlock(p.at("resnets.0"), options);
    this.#attention = new FrameAttention(p.at("attentions.0"), channels);
    this.#second = new ResBlock(p.at("resnets.1"), options);
  }

  /** @param x [B, C, F, H, W] @returns like x */
  forward(x: Tensor, cache: FeatureCache): Tensor {
    return inTurn(x, [
      (y) => this.#first.forward(y, cache),
      (y) => this.#attention.forward(y),
      (y) => this.#second.forward(y, cache),
    ]);
  }
}

/** Normalisation, SiLU and the last convolution of a half. */
export class Head {
  readonly #norm: ChannelNorm;
  readonly #conv: CausalConv3d;

  /** @param p of the encoder or decoder: asks for its `norm_out` and `conv_out` */
  constructor(p: Params, options: { inChannels: number; outChannels: number }) {
    this.#norm = new ChannelNorm(p.at("norm_out"), { channels: options.inChannels, spaceDims: 3 });
    this.#conv = new CausalConv3d(p.at("conv_out"), { ...options, kernel: CUBE });
  }

  /** @param x [B, in, F, H, W] @returns [B, out, F, H, W] */
  forward(x: Tensor, cache: FeatureCache): Tensor {
    return inTurn(x, [(y) => this.#norm.forward(y), silu, (y) => this.#conv.forward(y, cache)]);
  }
}
