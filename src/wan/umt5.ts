/**
 * The encoder half of UMT5, which turns a prompt's tokens into the rows that the transformer attends to. Unlike T5, every
 * layer has position biases of its own; like T5, attention scores are not scaled and nothing has a bias.
 * Letters: B batch, L tokens, C width, N heads, D head width.
 * Source: transformers modeling_umt5.py; Wan2.2 wan/modules/t5.py.
 */
import { ShapeError } from "../base/mod.ts";
import { buildModel, Linear, parameterShapes, type Params, type ParamSource, RmsNorm } from "../nn/mod.ts";
import { dims, embedding, gelu, type Tensor, tensor, tidy, unscoped, where } from "../torch/mod.ts";
import type { Umt5Config } from "./umt5_config.ts";
import { bucketTable } from "./umt5_position.ts";

/** What all layers share in one pass. */
interface Context {
  /** [L, L] int64 */
  readonly buckets: Tensor;
  /** [B, 1, 1, L], true at padding; absent where nothing is padded */
  readonly padding: Tensor | undefined;
}

/** Padded keys get this score; the lowest that float32 can hold, as in the reference. */
const LOWEST = -3.4028234663852886e38;

class Attention {
  readonly #config: Umt5Config;
  readonly #q: Linear;
  readonly #k: Linear;
  readonly #v: Linear;
  readonly #o: Linear;
  /** [buckets, N] */
  readonly #bias: Tensor;

  constructor(p: Params, config: Umt5Config) {
    const { width, numHeads, headDim, numBuckets } = config;
    const into = { inFeatures: width, outFeatures: numHeads * headDim, bias: false };
    this.#config = config;
    this.#q = Linear.load(p.at("q"), into);
    this.#k = Linear.load(p.at("k"), into);
    this.#v = Linear.load(p.at("v"), into);
    this.#o = Linear.load(p.at("o"), { inFeatures: numHeads * headDim, outFeatures: width, bias: false });
    this.#bias = p.at("relative_attention_bias").get("weight", [numBuckets, numHeads]);
  }

  get linears(): Linear[] {
    return [this.#q, this.#k, this.#v, this.#o];
  }

  /** @param x [B, L, C] @returns like x; the softmax runs in float32 */
  forward(x: Tensor, context: Context): Tensor {
    const { numHeads: N, headDim: D, width: C } = this.#config;
    const { B, L } = dims(x, "B L C", { C });
    const heads = (y: Tensor): Tensor => y.reshape([B, L, N, D]).transpose(1, 2); // [B, N, L, D]
    const [q, k, v] = [this.#q, this.#k, this.#v].map((layer) => heads(layer.forward(x))) as [Tensor, Tensor, Tensor];
    const position = embedding(this.#bias, context.buckets).permute([2, 0, 1]); // [N, L, L]
    let scores = q.matmul(k.transpose(2, 3)).float().add(position.float()); // [B, N, L, L]
    if (context.padding !== undefined) scores = scores.maskedFill(context.padding, LOWEST);
    const mixed = scores.softmax(-1).to({ dtype: v.dtype }).matmul(v); // [B, N, L, D]
    return this.#o.forward(mixed.transpose(1, 2).reshape([B, L, N * D]));
  }
}

/** wo( gelu(wi_0·x) ⊙ (wi_1·x) ), GELU by tanh. */
class GatedFeedForward {
  readonly #gate: Linear;
  readonly #value: Linear;
  readonly #out: Linear;

  constructor(p: Params, { width, ffnDim }: Umt5Config) {
    this.#gate = Linear.load(p.at("wi_0"), { inFeatures: width, outFeatures: ffnDim, bias: false });
    this.#value = Linear.load(p.at("wi_1"), { inFeatures: width, outFeatures: ffnDim, bias: false });
    this.#out = Linear.load(p.at("wo"), { inFeatures: ffnDim, outFeatures: width, bias: false });
  }

  get linears(): Linear[] {
    return [this.#gate, this.#value, this.#out];
  }

  /** @param x [B, L, C] @returns like x */
  forward(x: Tensor): Tensor {
    return this.#out.forward(gelu(this.#gate.forward(x), "tanh").mul(this.#value.forward(x)));
  }
}

class Block {
  readonly #attentionNorm: RmsNorm;
  readonly #attention: Attention;
  readonly #feedForwardNorm: RmsNorm;
  readonly #feedForward: GatedFeedForward;

  constructor(p: Params, config: Umt5Config) {
    this.#attentionNorm = RmsNorm.load(p.at("layer.0.layer_norm"), config);
    this.#attention = new Attention(p.at("layer.0.SelfAttention"), config);
    this.#feedForwardNorm = RmsNorm.load(p.at("layer.1.layer_norm"), config);
    this.#feedForward = new GatedFeedForward(p.at("layer.1.DenseReluDense"), config);
  }

  get linears(): Linear[] {
    return [...this.#attention.linears, ...this.#feedForward.linears];
  }

  /** @param x [B, L, C] @returns like x */
  forward(x: Tensor, context: Context): Tensor {
    const attended = x.add(this.#attention.forward(this.#attentionNorm.forward(x), context));
    return attended.add(this.#feedForward.forward(this.#feedForwardNorm.forward(attended)));
  }
}

/** The layers, as they hang below a checkpoint's root. */
class Layers {
  /** [vocabulary, C] */
  readonly embedding: Tensor;
  readonly blocks: readonly Block[];
  readonly norm: RmsNorm;

  constructor(p: Params, config: Umt5Config) {
    const { vocabSize, width, numLayers } = config;
    const tokens = p.has("shared.weight") ? p.at("shared") : p.at("encoder.embed_tokens");
    this.embedding = tokens.get("weight", [vocabSize, width]);
    this.blocks = Array.from({ length: numLayers }, (_, i) => new Block(p.at("encoder.block").at(i), config));
    this.norm = RmsNorm.load(p.at("encoder.final_layer_norm"), config);
  }
}

/** The parameters of an encoder by the names of transformers, with their shapes. */
export function umt5Shapes(config: Umt5Config): ReadonlyMap<string, readonly number[]> {
  const shapes = parameterShapes((p) => new Layers(p, config));
  // a source that holds nothing is asked for the embedding by its other name
  return new Map([...shapes].map(([name, shape]) => [name.replace(/^encoder\.embed_tokens\./, "shared."), shape]));
}

/** Vectors that stand in for a run of token ids: learned tokens. */
export interface ExtraEmbeddings {
  /** The id that the first vector stands for; the others follow it. Rows of the model's own table are hidden. */
  readonly firstId: number;
  /** [n, C], cast to the embedding's type; gradients flow to them */
  readonly vectors: Tensor;
}

/** A loaded encoder; it owns its parameters until it is disposed of. */
export class Umt5Encoder implements Disposable {
  readonly config: Umt5Config;
  /** Parameters by their names in the checkpoint. */
  readonly params: ReadonlyMap<string, Tensor>;
  readonly #layers: Layers;

  private constructor(layers: Layers, options: { params: ReadonlyMap<string, Tensor>; config: Umt5Config }) {
    this.#layers = layers;
    this.config = options.config;
    this.params = options.params;
  }

  /**
   * Builds an encoder from a source of parameters under the names of transformers, all of one type and on one device.
   * @throws {WeightsError} listing every parameter that is missing, surplus or of another shape
   */
  static load(source: ParamSource, config: Umt5Config): Umt5Encoder {
    return unscoped(() => {
      const { model, params } = buildModel(source, {
        build: (p) => new Layers(p, config),
        what: "the text encoder",
        ignore: (key) => key === "encoder.embed_tokens.weight", // a second copy of shared.weight
      });
      return new Umt5Encoder(model, { params, config });
    });
  }

  /** The layers that adapters can hang on. */
  get linears(): Linear[] {
    return this.#layers.blocks.flatMap((block) => block.linears);
  }

  /**
   * The encoder's last hidden state, with whatever grad mode is on.
   * @param ids one row of token ids for each text; shorter rows are padded on the right and the padding is masked
   * @param options.mask like ids, 0 at padding, where the rows are padded already
   * @returns [B, L, C] in the weights' type; rows of padding mean nothing
   * @throws {RangeError} for an id that has no embedding
   * @throws {ShapeError} if the mask does not fit the ids
   */
  encode(
    ids: readonly (readonly number[])[],
    options: { mask?: readonly (readonly number[])[]; extraEmbeddings?: ExtraEmbeddings } = {},
  ): Tensor {
    return tidy(() => {
      const { device } = this.#layers.embedding;
      const L = Math.max(...ids.map((row) => row.length));
      const context: Context = {
        buckets: bucketTable(L, { sizes: this.config, device }),
        padding: paddingOf(ids, { mask: options.mask, length: L, device }),
      };
      let x = this.#embed(ids.map((row) => [...row, ...new Array<number>(L - row.length).fill(0)]), options);
      for (const block of this.#layers.blocks) {
        using input = x;
        x = tidy(() => block.forward(input, context));
      }
      return this.#layers.norm.forward(x);
    });
  }

  [Symbol.dispose](): void {
    for (const param of this.params.values()) param[Symbol.dispose]();
  }

  /** @param ids rows of one length @returns [B, L, C] */
  #embed(ids: readonly (readonly number[])[], options: { extraEmbeddings?: ExtraEmbeddings }): Tensor {
    const { extraEmbeddings: extra } = options;
    const table = this.#layers.embedding;
    const count = extra?.vectors.size(0) ?? 0;
    const isExtra = (id: number): boolean => extra !== undefined && id >= extra.firstId && id < extra.firstId + count;
    const flat = ids.flat();
    const unknown = flat.find((id) => !isExtra(id) && !(id >= 0 && id < this.config.vocabSize));
    if (unknown !== undefined) throw new RangeError(`token ${unknown} has no embedding`);
    const shape = [ids.length, ids[0]?.length ?? 0];
    const rows = (weight: Tensor, indices: readonly number[]): Tensor =>
      embedding(weight, tensor(indices, { dtype: "int64", shape, device: table.device }));
    const own = rows(table, flat.map((id) => isExtra(id) ? 0 : id));
    if (extra === undefined || !flat.some(isExtra)) return own;
    const vectors = extra.vectors.to({ dtype: table.dtype, device: table.device });
    const learned = rows(vectors, flat.map((id) => isExtra(id) ? id - extra.firstId : 0));
    const chosen = tensor(flat.map((id) => isExtra(id) ? 1 : 0), { dtype: "bool", shape, device: table.device });
    return where(chosen.unsqueeze(2), { a: learned, b: own });
  }
}

/** [B, 1, 1, L] bool, true at padding; undefined where there is none. */
function paddingOf(
  ids: readonly (readonly number[])[],
  options: { mask: readonly (readonly number[])[] | undefined; length: number; device: Tensor["device"] },
): Tensor | undefined {
  const { mask, length, device } = options;
  if (mask !== undefined && (mask.length !== ids.length || mask.some((row, i) => row.length !== ids[i]?.length))) {
    throw new ShapeError("The mask of the tokens must have a number for each token.");
  }
  const flags = ids.flatMap((row, b) =>
    Array.from({ length }, (_, i) => i >= row.length || mask?.[b]?.[i] === 0 ? 1 : 0)
  );
  if (!flags.includes(1)) return undefined;
  return tensor(flags, { dtype: "bool", shape: [ids.length, 1, 1, length], device });
}
