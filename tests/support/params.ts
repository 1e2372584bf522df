/** A source of parameters made of tensors. */
import type { ParamSource } from "../../src/nn/mod.ts";
import type { Tensor } from "../../src/torch/mod.ts";

/** Hands out copies, so that whoever builds from it owns what it gets. */
export function sourceOf(tensors: Readonly<Record<string, Tensor>>, name = "memory"): ParamSource {
  return {
    name,
    keys: () => Object.keys(tensors),
    shapeOf: (key) => tensors[key]?.shape,
    load(key): Tensor {
      const found = tensors[key];
      if (found === undefined) throw new RangeError(`no tensor ${key}`);
      return found.clone();
    },
  };
}
