/** Adapter files onto the parts of a model. */
import { AdapterSet, type Linear } from "../nn/mod.ts";
import type { Tensor } from "../torch/mod.ts";
import { type AdapterComponent, AdapterFile, type Weights } from "../weights/mod.ts";
import { type MergedAdapters, mergedWeights } from "./merge.ts";

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
  /** Whether what is not for a layer is in the weights already, see `weightsWithDifferences`; false if absent. */
  readonly layersAlone?: boolean | undefined;
}

/**
 * Hangs a file's adapters on a part of a model until the result is disposed of.
 * @param linears `everyLinear` of a transformer, or `linears` of a text encoder
 * @throws {WeightsError} if the file is damaged, has nothing for this part, or does not fit it
 */
export function applyAdapters(linears: readonly Linear[], options: ApplyAdaptersOptions): AdapterSet {
  const { path, component, strength, params, layersAlone = false } = options;
  using file = AdapterFile.open(path);
  using read = file.read(file.componentFor(component));
  const layers = new Set(linears.map((layer) => layer.path));
  const modules = layersAlone ? new Map([...read.modules].filter(([module]) => layers.has(module))) : read.modules;
  return AdapterSet.apply(linears, { modules, name: path, strength, params });
}

/**
 * A part's weights with what files change of norms, tables and kernels, which no layer carries as an adapter. It is worked
 * in, in float32, whenever a tensor is loaded, so that blocks may come and go.
 * @param weights under diffusers' names; owned from now on
 * @throws {WeightsError} naming modules that the part lacks or whose shapes differ
 */
export function weightsWithDifferences(weights: Weights, files: readonly ApplyAdaptersOptions[]): Weights {
  using stack = new DisposableStack();
  stack.use(weights);
  const isLayer = (module: string): boolean =>
    weights.has(`${module}.weight`) && weights.shapeOf(`${module}.weight`).length === 2;
  const changes = files.map(({ path, component, strength }): MergedAdapters => {
    using file = AdapterFile.open(path);
    const { modules } = stack.use(file.read(file.componentFor(component)));
    return { modules: new Map([...modules].filter(([module]) => !isLayer(module))), name: path, strength };
  });
  const view = mergedWeights(weights, changes);
  const owned = stack.move();
  return { ...view, [Symbol.dispose]: () => owned.dispose() };
}
