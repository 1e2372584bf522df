/** One block of a WAN transformer. Letters: B batch, L tokens, C width, N heads, D head width, S text tokens. */
import { LayerNorm, Linear, type Params, RmsNorm } from "../../nn/mod.ts";
import { dims, gelu, scaledDotProductAttention, type Tensor } from "../../torch/mod.ts";
import type { TransformerConfig } from "./config.ts";
import { rowsOf, type TimeEmbedding } from "./embed.ts";
import { applyRope } from "./rope.ts";

/** What every block of one forward shares, besides the sequence that flows through them. */
export interface BlockContext {
  readonly time: TimeEmbedding;
  /** [B, S, C] */
  readonly text: Tensor;
  /** [1, L, 1, D/2] complex64 */
  readonly rope: Tensor;
}

/**
 * Shifts and scales a normalised sequence.
 * @param x [B, L, C] float32
 * @param shift [B, L, C] or [B, 1, C], float32
 * @param scale like shift, as an offset from one
 * @returns [B, L, C] float32
 * Source: Wan-Video/Wan2.2 wan/modules/model.py, WanAttentionBlock.forward
 */
export function modulate(x: Tensor, shift: Tensor, scale: Tensor): Tensor {
  const { C } = dims(x, "B L C");
  dims(shift, "_ _ C", { C });
  dims(scale, "_ _ C", { C });
  return shift.addcmul(x, scale.add(1));
}

/** Adds a gated branch to the residual stream, in float32. @returns [B, L, C] in x's dtype */
function addGated(x: Tensor, branch: Tensor, gate: Tensor): Tensor {
  return x.inType("float32").addcmul(branch.inType("float32"), gate).inType(x.dtype);
}

/** Attention whose queries and keys are RMS-normalised over all heads together. */
class Attention {
  readonly #q: Linear;
  readonly #k: Linear;
  readonly #v: Linear;
  readonly #out: Linear;
  readonly #normQ: RmsNorm;
  readonly #normK: RmsNorm;
  readonly #config: TransformerConfig;

  constructor(p: Params, config: TransformerConfig) {
    const { width, eps } = config;
    const square = { inFeatures: width, outFeatures: width };
    this.#config = config;
    this.#q = Linear.load(p.at("to_q"), square);
    this.#k = Linear.load(p.at("to_k"), square);
    this.#v = Linear.load(p.at("to_v"), square);
    this.#out = Linear.load(p.at("to_out").at(0), square);
    this.#normQ = RmsNorm.load(p.at("norm_q"), { width, eps });
    this.#normK = RmsNorm.load(p.at("norm_k"), { width, eps });
  }

  get linears(): Linear[] {
    return [this.#q, this.#k, this.#v, this.#out];
  }

  /** @param x [B, L, C] queries @param context [B, S, C] keys and values @param rope rotates both, if given */
  forward(x: Tensor, context: Tensor, rope?: Tensor): Tensor {
    const { B, L, C } = dims(x, "B L C");
    const { numHeads: N, headDim: D } = this.#config;
    const heads = (y: Tensor): Tensor => y.view([B, -1, N, D]); // [B, ·, N, D]
    const rotate = (y: Tensor): Tensor => rope === undefined ? y : applyRope(y, rope);
    const q = rotate(heads(this.#normQ.forward(this.#q.forward(x)))).transpose(1, 2); // [B, N, L, D]
    const k = rotate(heads(this.#normK.forward(this.#k.forward(context)))).transpose(1, 2);
    const v = heads(this.#v.forward(context)).transpose(1, 2);
    const y = scaledDotProductAttention(q, k, { v }); // [B, N, L, D]
    return this.#out.forward(y.transpose(1, 2).reshape([B, L, C]));
  }
}

/** Self-attention, cross-attention to the text, feed-forward; the first and the last are modulated by the timestep. */
export class WanBlock {
  readonly #norm: LayerNorm;
  readonly #norm2: LayerNorm;
  readonly #self: Attention;
  readonly #cross: Attention;
  readonly #ffnIn: Linear;
  readonly #ffnOut: Linear;
  /** [1, 6, C] float32: shift, scale and gate of self-attention, then of the feed-forward */
  readonly #table: Tensor;

  constructor(p: Params, config: TransformerConfig) {
    const { width, ffnDim, eps } = config;
    this.#norm = LayerNorm.plain({ width, eps });
    this.#norm2 = LayerNorm.load(p.at("norm2"), { width, eps });
    this.#self = new Attention(p.at("attn1"), config);
    this.#cross = new Attention(p.at("attn2"), config);
    const net = p.at("ffn").at("net");
    this.#ffnIn = Linear.load(net.at(0).at("proj"), { inFeatures: width, outFeatures: ffnDim });
    this.#ffnOut = Linear.load(net.at(2), { inFeatures: ffnDim, outFeatures: width });
    this.#table = p.get("scale_shift_table", [1, 6, width]);
  }

  /** The layers that adapters can hang on. */
  get linears(): Linear[] {
    return [...this.#self.linears, ...this.#cross.linears, this.#ffnIn, this.#ffnOut];
  }

  /**
   * @param x [B, L, C]
   * @returns [B, L, C] in x's dtype; normalisation, modulation and gating run in float32
   * Source: huggingface/diffusers transformer_wan.py, WanTransformerBlock.forward
   */
  forward(x: Tensor, { context }: { readonly context: BlockContext }): Tensor {
    dims(x, "B L C");
    const values = this.#table.inType("float32").add(context.time.projection); // [K, 6, C]
    const row = (i: number): Tensor => rowsOf(values.select(1, i), context.time); // [B, 1 or L, C]
    const { dtype } = x;

    const attnInput = modulate(this.#norm.forward(x), row(0), row(1)).inType(dtype);
    x = addGated(x, this.#self.forward(attnInput, attnInput, context.rope), row(2));

    x = x.add(this.#cross.forward(this.#norm2.forward(x).inType(dtype), context.text));

    const ffnInput = modulate(this.#norm.forward(x), row(3), row(4)).inType(dtype);
    return addGated(x, this.#ffnOut.forward(gelu(this.#ffnIn.forward(ffnInput), "tanh")), row(5));
  }
}
