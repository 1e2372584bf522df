/** The VAE's normalisation: each position's channels to length √C, times a gain for each channel. */
import type { Params } from "../../nn/mod.ts";
import type { Tensor } from "../../torch/mod.ts";

/** Keeps a position of zeros from being divided by zero. Source: torch.nn.functional.normalize */
const MIN_LENGTH = 1e-12;

/** x / max(‖x‖₂ over C, 1e-12) · √C · gamma. Source: diffusers autoencoder_kl_wan.py, WanRMS_norm */
export class ChannelNorm {
  readonly #gamma: Tensor;
  readonly #channels: number;

  /** Asks for `gamma` [C, 1, …] with as many ones as there are dimensions behind C. */
  constructor(p: Params, options: { channels: number; spaceDims: number }) {
    this.#channels = options.channels;
    this.#gamma = p.get("gamma", [options.channels, ...Array(options.spaceDims).fill(1)]);
  }

  /** @param x [B, C, …] @returns like x; the maths runs in float32 */
  forward(x: Tensor): Tensor {
    const wide = x.float();
    const length = wide.norm([1], true).clamp(MIN_LENGTH); // [B, 1, …]
    const y = wide.div(length);
    y.mul_(this.#gamma.float().mul(Math.sqrt(this.#channels)));
    return y.to({ dtype: x.dtype });
  }
}
