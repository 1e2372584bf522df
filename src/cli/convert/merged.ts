/** Weights with adapters worked in, each tensor when its turn comes. */
import { listNames, type NotedName, WeightsError } from "../../base/mod.ts";
import {
  type AdapterData,
  adapterMisfit,
  adaptersOf,
  differenceTargets,
  mergeAdapters,
  mergeBias,
} from "../../nn/mod.ts";
import { type Tensor, tidy } from "../../torch/mod.ts";
import type { Weights } from "../../weights/mod.ts";

/** A file's adapters for one part. */
export interface MergedAdapters {
  /** By diffusers module path; they must live as long as the weights. */
  readonly modules: ReadonlyMap<string, AdapterData>;
  readonly strength: number;
  /** The file, for messages. */
  readonly name: string;
}

/**
 * A view of weights in which every tensor has its adapters in it, in its own type; the sum is made in float32.
 * @param weights under diffusers' names; stay their owner's
 * @throws {WeightsError} naming modules that the part lacks or whose shapes differ
 */
export function mergedWeights(weights: Weights, adapters: readonly MergedAdapters[]): Weights {
  for (const one of adapters) refuseMisfits(weights, one);
  const load: Weights["load"] = (key, { dtype, device } = {}) =>
    tidy(() => {
      const merged = adapters.reduce((tensor, one) => mergeInto(tensor, { key, ...one }), weights.load(key));
      return merged.to({ dtype: dtype ?? merged.dtype, device: device ?? merged.device });
    });
  return {
    keys: () => weights.keys(),
    has: (key) => weights.has(key),
    shapeOf: (key) => weights.shapeOf(key),
    dtypeOf: (key) => weights.dtypeOf(key),
    load,
    mapped: load,
    prefetch: (key) => weights.prefetch(key),
    metadata: weights.metadata,
    describe: () => weights.describe(),
    [Symbol.dispose]: () => {},
  };
}

/** The tensor itself where the adapters leave it alone. */
function mergeInto(tensor: Tensor, { key, modules, strength }: MergedAdapters & { key: string }): Tensor {
  const [, module = key, leaf = "weight"] = /^(.*)\.(weight|bias)$/.exec(key) ?? [];
  const data = modules.get(module);
  if (data === undefined) return tensor;
  if (data.kind === "diff" && (leaf === "bias" || tensor.ndim !== 2)) {
    const difference = differenceTargets(module, data).find(([name]) => name === `${module}.${leaf}`)?.[1];
    return difference === undefined
      ? tensor
      : tensor.float().add(difference.float(), strength).to({ dtype: tensor.dtype });
  }
  const wide = { ...data, tensors: Object.fromEntries(Object.entries(data.tensors).map(([k, x]) => [k, x.float()])) };
  const chosen = adaptersOf(wide, { weight: tensor });
  for (const adapter of chosen) adapter.strength = strength;
  return leaf === "bias" ? mergeBias(tensor, chosen) : mergeAdapters(tensor, chosen);
}

function refuseMisfits(weights: Weights, { modules, name }: MergedAdapters): void {
  const unknown: string[] = [], misshapen: NotedName[] = [];
  for (const [module, data] of modules) {
    const key = [`${module}.weight`, module].find((candidate) => weights.has(candidate));
    if (key === undefined) {
      unknown.push(module);
      continue;
    }
    const [out, width, ...more] = weights.shapeOf(key);
    if (out === undefined || width === undefined || more.length > 0) continue;
    const trouble = adapterMisfit(data, [out, width]);
    if (trouble !== undefined) misshapen.push({ name: module, note: ` is ${trouble} beside W [${out}, ${width}]` });
  }
  const problems = [
    ...(unknown.length > 0 ? [`not modules of this model: ${listNames(unknown, { unit: "modules" })}`] : []),
    ...(misshapen.length > 0 ? [listNames(misshapen, { unit: "modules" })] : []),
  ];
  if (problems.length === 0) return;
  throw new WeightsError(`Cannot merge the adapter ${name}: ${problems.join("; ")}`, {
    cure: "use an adapter that was trained on this model",
  });
}
