/** One transformer block, forward and backward to its input and all of its parameters, in float32. */
import { buildModel } from "../../src/nn/mod.ts";
import { arange, complex, enableGrad, grad, type Tensor, tidy, unscoped } from "../../src/torch/mod.ts";
import { WanBlock } from "../../src/wan/transformer/block.ts";
import type { TransformerConfig } from "../../src/wan/transformer/mod.ts";

/** What decides a block's cost. The block is eager.py's, weight by weight. */
export interface BlockShape {
  readonly batch: number;
  readonly tokens: number;
  readonly textTokens: number;
  readonly width: number;
  readonly heads: number;
  readonly ffn: number;
}

/** Names and shapes of a block's parameters. */
export function blockWeights({ width: C, ffn }: BlockShape): [string, number[]][] {
  const linear = (name: string, inner: number, outer: number): [string, number[]][] => [
    [`${name}.weight`, [outer, inner]],
    [`${name}.bias`, [outer]],
  ];
  const attention = (name: string): [string, number[]][] => [
    ...["to_q", "to_k", "to_v", "to_out.0"].flatMap((part) => linear(`${name}.${part}`, C, C)),
    [`${name}.norm_q.weight`, [C]],
    [`${name}.norm_k.weight`, [C]],
  ];
  return [
    ...attention("attn1"),
    ...attention("attn2"),
    ["norm2.weight", [C]],
    ["norm2.bias", [C]],
    ...linear("ffn.net.0.proj", C, ffn),
    ...linear("ffn.net.2", ffn, C),
    ["scale_shift_table", [1, 6, C]],
  ];
}

/** Numbers that both sides can make: sin(0.37 i + index) · scale. */
function fill(shape: readonly number[], index: number, scale: number): Tensor {
  return tidy(() => {
    const count = shape.reduce((product, size) => product * size, 1);
    return arange(count, { dtype: "float64" }).mul(0.37).add(index).sin().mul(scale).float().reshape(shape);
  });
}

/** A block with its inputs. */
export class BlockBench implements Disposable {
  readonly #owned: Tensor[];
  readonly #wanted: Tensor[];
  readonly #once: () => { output: Tensor; gradients: (Tensor | undefined)[] };

  constructor(shape: BlockShape) {
    const { batch: B, tokens: L, textTokens: S, width: C, heads } = shape;
    const made = unscoped(() => {
      const weights = new Map(
        blockWeights(shape).map(([name, sizes], index) => {
          const weight = fill(sizes, index, (sizes.at(-1) as number) ** -0.5);
          weight.setRequiresGrad(true);
          return [name, weight];
        }),
      );
      const rope = tidy(() => {
        const angles = fill([1, L, 1, C / heads / 2], 100, 3);
        return complex(angles.cos(), angles.sin());
      });
      const x = fill([B, L, C], 101, 1);
      x.setRequiresGrad(true);
      return {
        weights,
        rope,
        x,
        time: fill([B, 6, C], 102, 1),
        text: fill([B, S, C], 103, 1),
        seed: fill([B, L, C], 104, 1),
      };
    });
    const { weights, rope, x, time, text, seed } = made;
    const source = {
      name: "the benchmark",
      keys: () => weights.keys(),
      shapeOf: (key: string) => weights.get(key)?.shape,
      load: (key: string) => weights.get(key) as Tensor,
    };
    const config = { numHeads: heads, headDim: C / heads, width: C, ffnDim: shape.ffn, eps: 1e-6 } as TransformerConfig;
    const { model: block } = buildModel(source, {
      build: (p) => new WanBlock(p, config),
      what: "the benchmark's block",
    });
    const context = { time: { embedding: time, projection: time, index: undefined, batch: B }, text, rope };
    this.#owned = [...weights.values(), rope, x, time, text, seed];
    this.#wanted = [x, ...weights.values()];
    this.#once = () => {
      const output = enableGrad(() => block.forward(x, { context }));
      return { output, gradients: grad([output], this.#wanted, { outputGrads: [seed] }) };
    };
  }

  /** One forward and backward. */
  run(): void {
    tidy(() => {
      this.#once();
    });
  }

  /** Norms of the output and of every gradient, to be compared with eager.py's. */
  check(): number[] {
    return tidy(() => {
      const { output, gradients } = this.#once();
      return [output, ...gradients].map((x) => x?.norm().item() ?? NaN);
    });
  }

  [Symbol.dispose](): void {
    for (const x of this.#owned) x[Symbol.dispose]();
  }
}
