/**
 * The WAN transformer as stem → blocks → head: three pure steps over a small record of tensors. Nothing here knows about
 * training; whoever walks the blocks decides what is kept, recomputed or moved. Letters: B batch, L tokens, C width,
 * T h w latent frames, rows and columns.
 */
import { type BlockWeights, LayerNorm, Linear, type Params } from "../../nn/mod.ts";
import { dims, type Tensor, tidy, unscoped } from "../../torch/mod.ts";
import { type BlockContext, modulate, WanBlock } from "./block.ts";
import type { TransformerConfig } from "./config.ts";
import { ConditionEmbedder, PatchEmbedding, rowsOf } from "./embed.ts";
import { ropeTable } from "./rope.ts";

/** The inputs of one forward. */
export interface TransformerInputs {
  /** Noisy latents [B, in, T, h, w] */
  readonly hiddenStates: Tensor;
  /** [B], or [B, L] with one for each token; scale 0 … 1000, any dtype */
  readonly timestep: Tensor;
  /** Prompt embeddings [B, S, textDim], zero rows behind the prompt */
  readonly encoderHiddenStates: Tensor;
}

/** What the stem hands on: the sequence, and what blocks and head share. */
export interface Stem {
  /** [B, L, C] */
  readonly x: Tensor;
  readonly context: BlockContext;
  /** Tokens along frames, rows and columns */
  readonly grid: readonly [number, number, number];
}

export class WanTransformer {
  readonly config: TransformerConfig;
  readonly blocks: readonly WanBlock[];
  /** Brings the blocks' weights in their turn; undefined where they stay. Owned. */
  blockWeights: BlockWeights | undefined;
  readonly #patchEmbedding: PatchEmbedding;
  readonly #condition: ConditionEmbedder;
  readonly #normOut: LayerNorm;
  readonly #projOut: Linear;
  /** [1, 2, C] float32: shift and scale of the head */
  readonly #table: Tensor;
  readonly #ropes = new Map<string, Tensor>();

  constructor(p: Params, config: TransformerConfig) {
    const { width, outChannels, patchSize, eps } = config;
    this.config = config;
    this.#patchEmbedding = new PatchEmbedding(p.at("patch_embedding"), config);
    this.#condition = new ConditionEmbedder(p.at("condition_embedder"), config);
    this.blocks = Array.from({ length: config.numLayers }, (_, i) => new WanBlock(p.at("blocks").at(i), config));
    this.#normOut = LayerNorm.plain({ width, eps });
    const outFeatures = outChannels * patchSize[0] * patchSize[1] * patchSize[2];
    this.#projOut = Linear.load(p.at("proj_out"), { inFeatures: width, outFeatures });
    this.#table = p.get("scale_shift_table", [1, 2, width]);
  }

  /** The layers that adapters can hang on, by block. */
  get linears(): Linear[] {
    return this.blocks.flatMap((block) => block.linears);
  }

  /** Every layer that an adapter can name: those of the blocks, then of what is before and behind them. */
  get everyLinear(): Linear[] {
    return [...this.linears, ...this.#condition.linears, this.#projOut];
  }

  /** Everything before the blocks. */
  stem(inputs: TransformerInputs): Stem {
    const { hiddenStates, timestep, encoderHiddenStates } = inputs;
    const { B, T, h, w } = dims(hiddenStates, "B I T h w", { I: this.config.inChannels });
    dims(encoderHiddenStates, "B S D", { B, D: this.config.textDim });
    const [pt, ph, pw] = this.config.patchSize;
    const grid = [T / pt, h / ph, w / pw] as const;
    if (timestep.ndim === 2) dims(timestep, "B L", { B, L: grid[0] * grid[1] * grid[2] });
    else dims(timestep, "B", { B });
    return {
      x: this.#patchEmbedding.forward(hiddenStates),
      context: {
        time: this.#condition.time(timestep),
        text: this.#condition.text(encoderHiddenStates),
        rope: this.#rope(grid, hiddenStates),
      },
      grid,
    };
  }

  /**
   * Everything behind the blocks: modulation, projection, and tokens back to latents (channel fastest in a token).
   * @param x [B, L, C]
   * @returns the velocity [B, out, T, h, w] in the projection's dtype
   */
  head(x: Tensor, stem: Stem): Tensor {
    const { B } = dims(x, "B L C", { C: this.config.width });
    const { time } = stem.context;
    const values = this.#table.inType("float32").add(time.embedding.unsqueeze(1)); // [K, 2, C]
    const [shift, scale] = [0, 1].map((i) => rowsOf(values.select(1, i), time)) as [Tensor, Tensor];
    const y = this.#projOut.forward(modulate(this.#normOut.forward(x), shift, scale).inType(x.dtype));
    const [T, H, W] = stem.grid;
    const [pt, ph, pw] = this.config.patchSize;
    return y.reshape([B, T, H, W, pt, ph, pw, this.config.outChannels])
      .permute([0, 7, 1, 4, 2, 5, 3, 6])
      .reshape([B, this.config.outChannels, T * pt, H * ph, W * pw]);
  }

  /** The velocity [B, out, T, h, w], with whatever grad mode is on. One block's temporaries and input live at a time. */
  forward(inputs: TransformerInputs): Tensor {
    return tidy(() => {
      const stem = this.stem(inputs);
      let { x } = stem;
      this.blocks.forEach((block, i) => {
        const before = x;
        const run = (): Tensor => tidy(() => block.forward(before, stem));
        const next = i + 1 < this.blocks.length ? i + 1 : undefined;
        x = this.blockWeights === undefined ? run() : this.blockWeights.use(i, { run, next });
        before[Symbol.dispose]();
      });
      return this.head(x, stem);
    });
  }

  /** The differentiable tensors that blocks and head condition on; with `withShared`, the seam of the block engine. */
  shared({ context: { time, text } }: Stem): readonly Tensor[] {
    return [time.embedding, time.projection, text];
  }

  withShared(stem: Stem, tensors: readonly Tensor[]): Stem {
    const [embedding, projection, text] = tensors as [Tensor, Tensor, Tensor];
    return { ...stem, context: { ...stem.context, text, time: { ...stem.context.time, embedding, projection } } };
  }

  /** Tables are kept for every grid seen: a data set has a handful of buckets. */
  #rope(grid: readonly [number, number, number], like: Tensor): Tensor {
    const key = `${grid.join("x")} ${like.device}`;
    let table = this.#ropes.get(key);
    if (table === undefined) {
      table = unscoped(() => ropeTable(grid, { headDim: this.config.headDim, device: like.device }));
      this.#ropes.set(key, table);
    }
    return table;
  }

  /** Frees what the model made or brings itself; other parameters belong to whoever loaded them. */
  [Symbol.dispose](): void {
    this.blockWeights?.[Symbol.dispose]();
    this.blockWeights = undefined;
    for (const table of this.#ropes.values()) table[Symbol.dispose]();
    this.#ropes.clear();
  }
}
