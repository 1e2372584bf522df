/** What the parts of a model folder in diffusers layout share: a config file, and weights under diffusers' names. */
import { readFileSync } from "node:fs";
import { messageOf, WeightsError } from "../base/mod.ts";
import type { ParamSource, Quantization, WeightPlace } from "../nn/mod.ts";
import type { Device, DType } from "../torch/mod.ts";
import type { Weights } from "../weights/mod.ts";

/** Type and place of a part's parameters. */
export interface PlaceOptions {
  /** Absent: what the part is best run in. */
  readonly dtype?: DType | undefined;
  /** Absent: the host. */
  readonly device?: Device | undefined;
  /**
   * Whether parameters that stay on the host in their stored type are the file's own memory: nothing is read until it is
   * used, and what is not used again need not stay in memory. They must not be written to. False if absent.
   */
  readonly mapped?: boolean | undefined;
}

/** The same for a transformer, whose blocks may come and go. */
export interface TransformerPlaceOptions extends PlaceOptions {
  /**
   * Where the blocks' weights are between their turns. Unless absent, the model brings them (`WanTransformer.blockWeights`, by
   * which they can be moved), and they must not be written to. Absent: they are loaded and stay.
   */
  readonly blocks?: WeightPlace | undefined;
  /** How the weights of the blocks' linear layers are kept in fewer bits; absent: they are not. They cannot be trained then. */
  readonly quantization?: Quantization | undefined;
  /** Makes of the stored weights, under diffusers' names, those that are loaded, and owns them; absent: they are the same. */
  readonly view?: ((weights: Weights) => Weights) | undefined;
}

/**
 * Reads a JSON file of a model folder.
 * @param what the part it belongs to, for messages: `the VAE`
 * @throws {WeightsError} if there is none or it is not JSON
 */
export function readJson(path: string, what: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    const absent = (cause as { code?: string }).code === "ENOENT";
    throw new WeightsError(`Cannot load ${what}: ${path} ${absent ? "does not exist" : messageOf(cause)}`, {
      cure: absent
        ? "name a model folder in diffusers layout (transformer/, vae/, text_encoder/, tokenizer/)"
        : "download the folder again",
      cause,
    });
  }
}

/** A source of parameters in open files, each read as the type that `dtypeOf` wants for it. */
export function weightsSource(
  weights: Weights,
  options: { name: string; dtypeOf: (key: string) => DType } & Omit<PlaceOptions, "dtype">,
): ParamSource {
  const { name, dtypeOf, device = "cpu", mapped = false } = options;
  return {
    name,
    keys: () => weights.keys(),
    shapeOf: (key) => weights.has(key) ? weights.shapeOf(key) : undefined,
    load: (key) => {
      const dtype = dtypeOf(key);
      const asStored = mapped && device === "cpu" && weights.dtypeOf(key) === dtype;
      return asStored ? weights.mapped(key) : weights.load(key, { dtype, device });
    },
  };
}
