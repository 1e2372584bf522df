/** Which part of the transformer a parameter belongs to, by its name. */
import type { Tensor } from "../../torch/mod.ts";
import type { WanTransformer } from "./transformer.ts";

/** Trained tensors by the part that uses them, each in the order of the names. */
export interface TransformerParts {
  readonly stem: readonly Tensor[];
  readonly blocks: readonly (readonly Tensor[])[];
  readonly head: readonly Tensor[];
}

/** Sorts trained parameters, of the model or of adapters on it, into stem, blocks and head. */
export function trainableParts(model: WanTransformer, params: ReadonlyMap<string, Tensor>): TransformerParts {
  const stem: Tensor[] = [], head: Tensor[] = [];
  const blocks = model.blocks.map((): Tensor[] => []);
  for (const [name, param] of params) {
    const block = /^blocks\.(\d+)\./.exec(name)?.[1];
    if (block !== undefined) blocks[Number(block)]?.push(param);
    else if (name === "scale_shift_table" || name.startsWith("proj_out.")) head.push(param);
    else stem.push(param);
  }
  return { stem, blocks, head };
}
