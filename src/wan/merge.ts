/** Adapters worked into a model's weights, tensor by tensor while they are loaded: a model need not be in memory to be merged. */
import { listNames, WeightsError } from "../base/mod.ts";
import { type AdapterData, adapterMisfit, type AdapterModules, adaptersOf, differenceTargets } from "../nn/mod.ts";
import { noGrad, type Tensor, tidy } from "../torch/mod.ts";
import type { Weights } from "../weights/mod.ts";

/** One file's adapters, to be merged. */
export interface MergedAdapters {
  readonly modules: AdapterModules;
  /** The file, for messages. */
  readonly name: string;
  /** Factor on all of them; 1 if absent. */
  readonly strength?: number | undefined;
}

/**
 * Weights with adapters worked in: each tensor is changed in float32 when it is loaded and comes in the type that was asked
 * for. Several adapters add up, each as if it were alone.
 * @param weights under diffusers' names; stay their owner's
 * @param adapters must live as long as the result is used
 * @throws {WeightsError} naming modules that the model lacks or whose shapes differ
 */
export function mergedWeights(weights: Weights, adapters: readonly MergedAdapters[]): Weights {
  const changes = new Map<string, Change[]>();
  for (const file of adapters) for (const [key, change] of changesOf(weights, file)) append(changes, key, change);
  const load: Weights["load"] = (key, options = {}) => {
    const found = changes.get(key);
    if (found === undefined) return weights.load(key, options);
    const { dtype = weights.dtypeOf(key), device = "cpu" } = options;
    return noGrad(() =>
      tidy(() => {
        const base = weights.load(key, { dtype: "float32" });
        const sum = found.reduce((total, change) => total.add(change(base)), base);
        return sum.to({ dtype, device });
      })
    );
  };
  return {
    keys: () => weights.keys(),
    has: (key) => weights.has(key),
    shapeOf: (key) => weights.shapeOf(key),
    dtypeOf: (key) => weights.dtypeOf(key),
    load,
    mapped: (key) => changes.has(key) ? load(key) : weights.mapped(key),
    stored8: (key, options) => changes.has(key) ? undefined : weights.stored8?.(key, options),
    prefetch: (key) => weights.prefetch(key),
    release: () => weights.release(),
    metadata: weights.metadata,
    describe: () => `${weights.describe()} with ${adapters.map(({ name }) => name).join(" and ")}`,
    [Symbol.dispose]: () => {},
  };
}

/** What a tensor gains. @param base the tensor without any adapter, float32 */
type Change = (base: Tensor) => Tensor;

function append(changes: Map<string, Change[]>, key: string, change: Change): void {
  const list = changes.get(key);
  if (list === undefined) changes.set(key, [change]);
  else list.push(change);
}

function changesOf(weights: Weights, { modules, name, strength = 1 }: MergedAdapters): [string, Change][] {
  const problems: string[] = [];
  const changes = [...modules].flatMap(([path, data]): [string, Change][] => {
    const key = `${path}.weight`;
    const shape = weights.has(key) ? weights.shapeOf(key) : undefined;
    const isLinear = shape?.length === 2;
    if (!isLinear && data.kind === "diff") return differences(weights, { path, data, strength, problems });
    if (shape !== undefined && fitsKernel(data, shape)) return kernelChanges(shape, { path, data, strength });
    const misfit = isLinear ? adapterMisfit(data, [shape[0] ?? 0, shape[1] ?? 0]) : "not a layer of this model";
    if (misfit !== undefined || (data.tensors.bias !== undefined && !weights.has(`${path}.bias`))) {
      problems.push(path);
      return [];
    }
    return linearChanges({ path, data, strength });
  });
  if (problems.length === 0) return changes;
  throw new WeightsError(
    `Cannot merge ${name} into ${weights.describe()}: ${listNames(problems, { unit: "modules" })} ` +
      `${problems.length === 1 ? "does" : "do"} not belong to the model or ${
        problems.length === 1 ? "has" : "have"
      } another shape`,
    { cure: "use an adapter that was trained on this model" },
  );
}

/** Whether a LoRA is one of a convolution's kernel [out, in, …]: A [r, in, …] or [r, in·…], B [out, r, …]. */
function fitsKernel({ kind, tensors }: AdapterData, shape: readonly number[]): boolean {
  const { down, up, magnitude } = tensors;
  if (shape.length < 3 || kind !== "lora" || down === undefined || up === undefined || magnitude !== undefined) {
    return false;
  }
  const [out = 0, ...rest] = shape;
  const rank = down.size(0), width = rest.reduce((product, size) => product * size, 1);
  return down.numel === rank * width && up.size(0) === out && up.numel === out * rank;
}

function kernelChanges(
  shape: readonly number[],
  { path, data, strength }: { path: string; data: AdapterData; strength: number },
): [string, Change][] {
  const { down, up, bias } = data.tensors;
  if (down === undefined || up === undefined) throw new TypeError("a LoRA without one of its factors");
  const rank = down.size(0), scale = strength * (data.alpha ?? rank) / rank;
  const change = (): Tensor =>
    up.float().reshape([-1, rank]).matmul(down.float().reshape([rank, -1])).mul(scale).reshape(shape);
  return [
    [`${path}.weight`, change],
    ...(bias === undefined ? [] : [[`${path}.bias`, () => bias.float().mul(strength)] as [string, Change]]),
  ];
}

function linearChanges(
  { path, data, strength }: { path: string; data: AdapterData; strength: number },
): [string, Change][] {
  const { bias, ...others } = data.tensors;
  const change = (base: Tensor): Tensor => {
    const [main] = adaptersOf({ ...data, tensors: others }, { weight: base });
    if (main === undefined) throw new TypeError(`the adapter of ${path} is empty`);
    main.strength = strength;
    return main.weightChange(base) ?? base.mul(0);
  };
  return [
    ...(Object.keys(others).length > 0 ? [[`${path}.weight`, change] as [string, Change]] : []),
    ...(bias === undefined ? [] : [[`${path}.bias`, () => bias.float().mul(strength)] as [string, Change]]),
  ];
}

function differences(
  weights: Weights,
  { path, data, strength, problems }: { path: string; data: AdapterData; strength: number; problems: string[] },
): [string, Change][] {
  return differenceTargets(path, data).flatMap(([name, difference]): [string, Change][] => {
    const key = weights.has(name) ? name : name.replace(/\.weight$/, ""); // scale_shift_table is a parameter itself
    if (!weights.has(key) || weights.shapeOf(key).join() !== difference.shape.join()) {
      problems.push(name);
      return [];
    }
    return [[key, () => difference.to({ dtype: "float32" }).mul(strength)]];
  });
}
