/** Adapter files onto the parts of a model. */
import { AdapterSet, type Linear } from "../nn/mod.ts";
import type { Tensor } from "../torch/mod.ts";
import { type AdapterComponent, AdapterFile } from "../weights/mod.ts";

/** Which adapters go where. */
export interface ApplyAdaptersOptions {
  /** The file, of any kind and naming. */
  readonly path: string;
  /** What the layers belong to: a file may hold adapters for several models. */
  readonly component: AdapterComponent;
  /** Factor on top of alpha; 1 if absent. */
  readonly strength?: number | undefined;
  /** The model's parameters by name: only files with differences of norms or tables need them. */
  readonly params?: ReadonlyMap<string, Tensor> | undefined;
}

/**
 * Hangs a file's adapters on a part of a model until the result is disposed of.
 * @param linears `everyLinear` of a transformer, or `linears` of a text encoder
 * @throws {WeightsError} if the file is damaged, has nothing for this part, or does not fit it
 */
export function applyAdapters(linears: readonly Linear[], options: ApplyAdaptersOptions): AdapterSet {
  const { path, component, strength, params } = options;
  using file = AdapterFile.open(path);
  using read = file.read(file.componentFor(component));
  return AdapterSet.apply(linears, { modules: read.modules, name: path, strength, params });
}
