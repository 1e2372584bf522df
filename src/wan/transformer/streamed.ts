/**
 * A transformer that is larger than memory: stem and head are loaded, and each block is taken from the file when its turn
 * comes and let go of behind it.
 */
import { buildModel, checkParams, type Params } from "../../nn/mod.ts";
import { type Device, dims, type DType, noGrad, type Tensor, tidy, unscoped } from "../../torch/mod.ts";
import type { Weights } from "../../weights/mod.ts";
import { weightsSource } from "../component.ts";
import { WanBlock } from "./block.ts";
import type { TransformerConfig } from "./config.ts";
import { keepsFloat32, type TransformerPlace, transformerShapes } from "./load.ts";
import { WanTransformer } from "./transformer.ts";
import type { TransformerInputs } from "./transformer.ts";

/** A transformer whose blocks stay in the file. It records no graph. */
export class StreamedTransformer implements Disposable {
  readonly config: TransformerConfig;
  /** Without blocks. */
  readonly #ends: WanTransformer;
  readonly #params: readonly Tensor[];
  readonly #weights: Weights;
  readonly #options: StreamedOptions;

  /**
   * Loads stem and head; the shapes of the blocks are checked too.
   * @param weights under diffusers' names; owned from now on
   * @param options parameters on the host that have the wanted type in the file are the file's own memory, others are read
   * @throws {WeightsError} listing every parameter that is missing, surplus or of another shape
   */
  constructor(weights: Weights, options: StreamedOptions) {
    const { config } = options;
    this.config = config;
    this.#weights = weights;
    this.#options = options;
    const { name } = options;
    const shapeOf = (key: string): readonly number[] | undefined => weights.has(key) ? weights.shapeOf(key) : undefined;
    const source = { name, keys: (): readonly string[] => weights.keys(), shapeOf };
    checkParams(source, { shapes: transformerShapes(config), what: "the transformer" });
    const ends = this.#build((p) => new WanTransformer(p, { ...config, numLayers: 0 }), { mapped: false });
    this.#ends = ends.model;
    this.#params = ends.params;
  }

  /** @returns the velocity [B, out, T, h, w] */
  forward(inputs: TransformerInputs): Tensor {
    dims(inputs.hiddenStates, "B I T h w", { I: this.config.inChannels });
    return noGrad(() =>
      tidy(() => {
        const stem = this.#ends.stem(inputs);
        let { x } = stem;
        for (let i = 0; i < this.config.numLayers; i++) {
          const before = x;
          x = tidy(() => {
            const { model, params } = this.#build((p) => new WanBlock(p.at("blocks").at(i), this.config), {
              mapped: true,
            });
            const after = model.forward(before, stem);
            for (const param of params) param[Symbol.dispose]();
            this.#weights[Symbol.dispose](); // lets go of the mapping: what was touched need not stay in memory
            return after;
          });
        }
        return this.#ends.head(x, stem);
      })
    );
  }

  [Symbol.dispose](): void {
    for (const param of this.#params) param[Symbol.dispose]();
    this.#ends[Symbol.dispose]();
    this.#weights[Symbol.dispose]();
  }

  #build<M>(
    make: (p: Params) => M,
    { mapped }: { mapped: boolean },
  ): { model: M; params: Tensor[] } {
    const { name, dtype, device } = this.#options;
    const source = weightsSource(this.#weights, { name, dtypeOf: (key) => dtypeOf(key, dtype), device, mapped });
    return unscoped(() => {
      const { model, params } = buildModel(source, { build: make, what: "the transformer", ignore: () => true });
      return { model, params: [...params.values()] };
    });
  }
}

/** What a streamed transformer is and where it computes. */
export interface StreamedOptions extends TransformerPlace {
  readonly config: TransformerConfig;
  /** What to call the weights in messages. */
  readonly name: string;
  readonly device?: Device | undefined;
}

function dtypeOf(key: string, dtype: DType): DType {
  return keepsFloat32(key) ? "float32" : dtype;
}
