/** Hanging adapters of any kind, read from a file, on a model; and working them into its weights. */
import { listNames, type NotedName, WeightsError } from "../base/mod.ts";
import { noGrad, type Tensor, tidy, unscoped } from "../torch/mod.ts";
import type { AdapterData, WeightAdapter } from "./adapter_data.ts";
import { Dora } from "./dora.ts";
import { type AdapterDropout, Dropped } from "./dropout.ts";
import type { Linear } from "./linear.ts";
import { Lora } from "./lora.ts";
import { BiasDifference, Loha, Lokr, WeightDifference } from "./lycoris.ts";

/** Adapters by the path of their module. */
export type AdapterModules = ReadonlyMap<string, AdapterData>;

/** How adapters are applied. */
export interface ApplyOptions {
  readonly modules: AdapterModules;
  /** The file, for messages. */
  readonly name: string;
  /** Factor on all of them; 1 if absent. */
  readonly strength?: number | undefined;
  /** The model's parameters by name: needed for differences of parameters that belong to no Linear. */
  readonly params?: ReadonlyMap<string, Tensor> | undefined;
  /** What their inputs lose while they are trained; nothing if absent. */
  readonly dropout?: AdapterDropout | undefined;
}

/** Adapters on a model until they are disposed of. Owns copies of their tensors. */
export class AdapterSet implements Disposable {
  /** By the path of their Linear. */
  readonly adapters: ReadonlyMap<string, readonly WeightAdapter[]>;
  /** The copies, by the path of their Linear: what is trained, and what files hold. */
  readonly modules: AdapterModules;
  readonly #undo: DisposableStack;

  private constructor(
    hung: ReadonlyMap<string, { data: AdapterData; adapters: readonly WeightAdapter[] }>,
    undo: DisposableStack,
  ) {
    this.adapters = new Map([...hung].map(([path, { adapters }]) => [path, adapters]));
    this.modules = new Map([...hung].map(([path, { data }]) => [path, data]));
    this.#undo = undo;
  }

  /** The tensors by name, `blocks.0.attn1.to_q.lora_A.weight`, in the order of the modules. */
  get params(): Map<string, Tensor> {
    return new Map(
      [...this.adapters].flatMap(([path, adapters]) =>
        adapters.flatMap((adapter) => [...adapter.params]).map(([name, param]): [string, Tensor] => [
          `${path}.${name}`,
          param,
        ])
      ),
    );
  }

  /**
   * Hangs adapters on the layers that they name, as float32 on each layer's device. Differences of other parameters are added
   * to them in place, and taken back exactly when the set is disposed of.
   * @throws {WeightsError} naming the modules that the model lacks or whose shapes differ; the model is then as it was
   */
  static apply(linears: readonly Linear[], options: ApplyOptions): AdapterSet {
    const { modules, name, strength = 1, params = new Map(), dropout } = options;
    const layers = new Map(linears.map((layer) => [layer.path, layer]));
    refuseMisfits(modules, { name, layers, params });
    return unscoped(() => {
      using undo = new DisposableStack();
      const hung = new Map<string, { data: AdapterData; adapters: readonly WeightAdapter[] }>();
      for (const [path, given] of modules) {
        const layer = layers.get(path);
        if (layer === undefined) {
          addDifference(params, { path, data: given, strength, undo });
          continue;
        }
        const data = owned(given, { layer, undo });
        const adapters = adaptersOf(data, layer);
        for (const adapter of adapters) {
          adapter.strength = strength;
          const worn = dropout === undefined ? adapter : new Dropped(adapter, { dropout, path });
          layer.adapters.push(worn);
          undo.defer(() => layer.adapters.splice(layer.adapters.indexOf(worn), 1));
          if (adapter instanceof Dora) undo.use(adapter);
        }
        hung.set(path, { data, adapters });
      }
      return new AdapterSet(hung, undo.move());
    });
  }

  /** Takes everything off the model again. */
  [Symbol.dispose](): void {
    this.#undo.dispose();
  }
}

/**
 * The adapters that a module's tensors mean; they use the tensors and do not own them.
 * @param layer whose weight a DoRA decomposes
 */
export function adaptersOf(data: AdapterData, layer: { readonly weight: Tensor }): WeightAdapter[] {
  const { magnitude, bias } = data.tensors;
  const main = mainAdapter(data);
  const adapters: WeightAdapter[] = [];
  if (main !== undefined) adapters.push(magnitude === undefined ? main : new Dora(main, { magnitude, layer }));
  if (bias !== undefined) adapters.push(new BiasDifference(bias));
  return adapters;
}

function mainAdapter(data: AdapterData): WeightAdapter | undefined {
  const { down, up, weight } = data.tensors;
  switch (data.kind) {
    case "lora":
      if (down === undefined || up === undefined) throw new TypeError("a LoRA without one of its factors");
      return new Lora({ down, up, alpha: data.alpha ?? down.size(0) });
    case "lokr":
      return new Lokr(data);
    case "loha":
      return new Loha(data);
    case "diff":
      return weight === undefined ? undefined : new WeightDifference(weight);
  }
}

/**
 * A weight with adapters worked in: W + Σ changeᵢ(W), in float32, in the weight's own type.
 * @param weight [out, in]
 */
export function mergeAdapters(weight: Tensor, adapters: readonly WeightAdapter[]): Tensor {
  return noGrad(() => tidy(() => added(weight, adapters.map((adapter) => adapter.weightChange(weight)))));
}

/** A bias with adapters worked in; like `mergeAdapters`. */
export function mergeBias(bias: Tensor, adapters: readonly WeightAdapter[]): Tensor {
  return noGrad(() => tidy(() => added(bias, adapters.map((adapter) => adapter.biasChange?.()))));
}

function added(tensor: Tensor, changes: readonly (Tensor | undefined)[]): Tensor {
  const sum = changes.reduce(
    (total: Tensor, change) => change === undefined ? total : total.add(change),
    tensor.float(),
  );
  return sum.to({ dtype: tensor.dtype, copy: true });
}

/** Copies that the set owns, float32 on the layer's device. */
function owned(data: AdapterData, { layer, undo }: { layer: Linear; undo: DisposableStack }): AdapterData {
  const { device } = layer;
  const copies = Object.entries(data.tensors).map(([part, tensor]) => [
    part,
    undo.use(tensor.to({ dtype: "float32", device, copy: true })),
  ]);
  return { ...data, tensors: Object.fromEntries(copies) };
}

/** The parameters that a module without a Linear changes: itself, or its weight and bias. */
export function differenceTargets(path: string, data: AdapterData): [name: string, difference: Tensor][] {
  const { weight, bias } = data.tensors;
  return [
    ...(weight === undefined ? [] : [[`${path}.weight`, weight] as [string, Tensor]]),
    ...(bias === undefined ? [] : [[`${path}.bias`, bias] as [string, Tensor]]),
  ];
}

function paramNamed(params: ReadonlyMap<string, Tensor>, name: string): Tensor | undefined {
  return params.get(name) ?? params.get(name.replace(/\.weight$/, "")); // scale_shift_table is a parameter itself
}

function addDifference(
  params: ReadonlyMap<string, Tensor>,
  options: { path: string; data: AdapterData; strength: number; undo: DisposableStack },
): void {
  const { path, data, strength, undo } = options;
  for (const [name, difference] of differenceTargets(path, data)) {
    const param = paramNamed(params, name);
    if (param === undefined) continue;
    const before = undo.adopt(param.clone(), (copy) => {
      noGrad(() => param.copy_(copy));
      copy[Symbol.dispose]();
    });
    noGrad(() =>
      tidy(() => param.copy_(before.float().add(difference.to({ dtype: "float32", device: param.device }), strength)))
    );
  }
}

/** Refuses modules that are not the model's, or whose shapes are others. */
function refuseMisfits(
  modules: AdapterModules,
  options: { name: string; layers: ReadonlyMap<string, Linear>; params: ReadonlyMap<string, Tensor> },
): void {
  const { name, layers, params } = options;
  const unknown: string[] = [], misshapen: NotedName[] = [];
  for (const [path, data] of modules) {
    const layer = layers.get(path);
    if (layer !== undefined) {
      const shape = [layer.outFeatures, layer.inFeatures] as const;
      const trouble = adapterMisfit(data, shape);
      if (trouble !== undefined) misshapen.push({ name: path, note: ` is ${trouble} beside W [${shape.join(", ")}]` });
      continue;
    }
    if (data.kind !== "diff") unknown.push(path);
    for (const [param, difference] of data.kind === "diff" ? differenceTargets(path, data) : []) {
      const found = paramNamed(params, param);
      if (found === undefined) unknown.push(param);
      else if (found.shape.join() !== difference.shape.join()) {
        const note = ` is [${difference.shape.join(", ")}] beside [${found.shape.join(", ")}]`;
        misshapen.push({ name: param, note });
      }
    }
  }
  const problems = [
    ...(unknown.length > 0 ? [`not layers of this model: ${listNames(unknown, { unit: "modules" })}`] : []),
    ...(misshapen.length > 0 ? [listNames(misshapen, { unit: "modules" })] : []),
  ];
  if (problems.length === 0) return;
  throw new WeightsError(`Cannot apply the adapter ${name}: ${problems.join("; ")}`, {
    cure: "use an adapter that was trained on this model",
  });
}

/** Why an adapter does not fit a weight [out, in], by the shapes it has; undefined if it does. */
export function adapterMisfit(data: AdapterData, [out, width]: readonly [number, number]): string | undefined {
  const { tensors: t } = data;
  const text = (tensor: Tensor | undefined): string => tensor === undefined ? "absent" : `[${tensor.shape.join(", ")}]`;
  const is = (tensor: Tensor | undefined, rows: number, columns: number): boolean =>
    tensor?.ndim === 2 && tensor.size(0) === rows && tensor.size(1) === columns;
  if (t.bias !== undefined && t.bias.shape.join() !== String(out)) return `bias ${text(t.bias)}`;
  if (t.magnitude !== undefined && !fitsMagnitude(t.magnitude, [out, width])) return `magnitude ${text(t.magnitude)}`;
  switch (data.kind) {
    case "lora": {
      const rank = t.down?.shape[0] ?? 0;
      return is(t.down, rank, width) && is(t.up, out, rank) ? undefined : `A ${text(t.down)}, B ${text(t.up)}`;
    }
    case "loha": {
      const first = t.w1_b?.shape[0] ?? 0, second = t.w2_b?.shape[0] ?? 0;
      const fits = is(t.w1_a, out, first) && is(t.w1_b, first, width) && is(t.w2_a, out, second) &&
        is(t.w2_b, second, width);
      return fits ? undefined : `w1 ${text(t.w1_a)} ${text(t.w1_b)}, w2 ${text(t.w2_a)} ${text(t.w2_b)}`;
    }
    case "lokr": {
      const [a, c] = [t.w1?.shape[0] ?? t.w1_a?.shape[0] ?? 0, t.w1?.shape[1] ?? t.w1_b?.shape[1] ?? 0];
      const [b, d] = [t.w2?.shape[0] ?? t.w2_a?.shape[0] ?? 0, t.w2?.shape[1] ?? t.w2_b?.shape[1] ?? 0];
      return a * b === out && c * d === width ? undefined : `w1 [${a}, ${c}] ⊗ w2 [${b}, ${d}]`;
    }
    case "diff":
      return t.weight === undefined || is(t.weight, out, width) ? undefined : `a difference ${text(t.weight)}`;
  }
}

function fitsMagnitude(magnitude: Tensor, [out, width]: readonly [number, number]): boolean {
  const shape = magnitude.shape.join();
  return shape === String(out) || shape === `${out},1` || shape === `1,${width}`;
}
