/**
 * Reads adapter files of every common kind and naming into one form: for each module, by its diffusers path, the factors and
 * alpha. What is not understood is refused rather than left out.
 */

import { listNames, WeightsError } from "../base/mod.ts";
import { isFloating, type Tensor, unscoped } from "../torch/mod.ts";
import { shown } from "./header.ts";
import { alphaFromMetadata } from "./lora_config.ts";
import {
  type AdapterComponent,
  type AdapterKey,
  foreignKind,
  type KeyKind,
  type KeyPart,
  parseAdapterKey,
} from "./lora_keys.ts";
import { openWeights } from "./sharded.ts";
import type { Weights } from "./weights.ts";

/** The adapter of one module, read; see `AdapterData` of `nn` for what the parts mean. */
export interface AdapterTensors {
  readonly kind: KeyKind;
  readonly tensors: Readonly<Partial<Record<Exclude<KeyPart, "alpha" | "t1" | "t2">, Tensor>>>;
  readonly alpha?: number | undefined;
}

/** The adapters of one model, read. Owns its tensors. */
export interface AdapterModules extends Disposable {
  /** By diffusers module path, such as `blocks.0.attn1.to_q`. */
  readonly modules: ReadonlyMap<string, AdapterTensors>;
  /** The model that the file names, if it does. */
  readonly component: AdapterComponent | undefined;
  readonly metadata: ReadonlyMap<string, string>;
}

/** The names of a module's tensors in the file. */
interface Entry {
  readonly names: Map<KeyPart, string>;
  readonly kinds: Set<KeyKind>;
  readonly kohya: boolean;
}

const KIND_TITLES: Record<KeyKind, string> = { lora: "LoRA", lokr: "LoKr", loha: "LoHa", diff: "differences" };
/** Tensors that a kind cannot do without; LoKr's are checked on their own. */
const NEEDED: Record<KeyKind, readonly KeyPart[]> = {
  lora: ["down", "up"],
  lokr: [],
  loha: ["w1_a", "w1_b", "w2_a", "w2_b"],
  diff: [],
};

/** An adapter file whose names were understood; tensors are read when asked for. */
export class AdapterFile implements Disposable {
  readonly path: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly #weights: Weights;
  readonly #models: ReadonlyMap<AdapterComponent | undefined, ReadonlyMap<string, Entry>>;

  private constructor(path: string, weights: Weights) {
    this.path = path;
    this.metadata = weights.metadata;
    this.#weights = weights;
    this.#models = understood(weights, path);
  }

  /** @throws {WeightsError} if it cannot be read, or a name in it is none of a WAN model's adapter */
  static open(path: string): AdapterFile {
    const weights = openWeights(path);
    try {
      return new AdapterFile(path, weights);
    } catch (error) {
      weights[Symbol.dispose]();
      throw error;
    }
  }

  /** The models that it has adapters for; undefined for a model that it does not name. */
  get components(): readonly (AdapterComponent | undefined)[] {
    return [...this.#models.keys()];
  }

  /** How many modules it has for a model, by kind, DoRA told apart: `LoRA` → 400. */
  kinds(component: AdapterComponent | undefined): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { names, kinds } of this.#models.get(component)?.values() ?? []) {
      const title = [...kinds].filter((kind) => kind !== "diff" || kinds.size === 1).map((kind) => KIND_TITLES[kind])
        .join();
      const full = names.has("magnitude") ? `DoRA (${title})` : title;
      counts.set(full, (counts.get(full) ?? 0) + 1);
    }
    return counts;
  }

  /**
   * Which of its adapters a model takes: those under its own name, else those without a name; the low-noise expert also takes
   * those under the other's, as diffusers saves a LoRA of either expert under `transformer.`.
   * @throws {WeightsError} if it has none for the model
   */
  componentFor(model: AdapterComponent): AdapterComponent | undefined {
    const choices = model === "transformer_2" ? [model, undefined, "transformer" as const] : [model, undefined];
    for (const choice of model === "text_encoder" ? [model] : choices) if (this.#models.has(choice)) return choice;
    const has = this.components.map((name) => name ?? "an unnamed model").join(" and ");
    throw refuse(this.path, `it is for ${has}, not for ${model}`);
  }

  /** The adapters of one model. @throws {WeightsError} listing what is incomplete or of the wrong shape or type */
  read(component: AdapterComponent | undefined): AdapterModules {
    const modules = new Map<string, AdapterTensors>();
    using made = new DisposableStack();
    unscoped(() => { // the modules' owner frees them, not a formula that they were read in
      for (const [module, entry] of this.#models.get(component) ?? []) {
        modules.set(module, this.#readModule(module, { entry, component, made }));
      }
    });
    const owned = made.move();
    return { modules, component, metadata: this.metadata, [Symbol.dispose]: () => owned.dispose() };
  }

  [Symbol.dispose](): void {
    this.#weights[Symbol.dispose]();
  }

  #readModule(
    module: string,
    { entry, component, made }: { entry: Entry; component: AdapterComponent | undefined; made: DisposableStack },
  ): AdapterTensors {
    const kind = this.#kindOf(module, entry);
    const tensors: Partial<Record<KeyPart, Tensor>> = {};
    for (const [part, name] of entry.names) {
      if (part === "alpha") continue;
      const dtype = this.#weights.dtypeOf(name);
      if (!isFloating(dtype)) {
        throw refuse(this.path, `${shown(name)} of the ${KIND_TITLES[kind]} is ${dtype}, it must be floating-point`);
      }
      tensors[part] = made.use(this.#weights.load(name));
    }
    return { kind, tensors, alpha: this.#alphaOf(module, { entry, component, kind, tensors }) };
  }

  /** The kind of a module's adapter. A difference of the bias goes with any. */
  #kindOf(module: string, { names, kinds }: Entry): KeyKind {
    const main = [...kinds].filter((kind) => kind !== "diff" || names.has("weight"));
    const kind = main[0] ?? (names.has("bias") ? "diff" : undefined);
    const has = [...names.keys()].join(" and ");
    if (main.length > 1) {
      throw refuse(
        this.path,
        `${module} has ${main.map((one) => KIND_TITLES[one]).join(" and ")} at once`,
      );
    }
    if (kind === undefined) throw refuse(this.path, `${module} has ${has} only`);
    if (names.has("t1") || names.has("t2")) {
      throw refuse(this.path, `the ${KIND_TITLES[kind]} of ${module} is of Tucker form, which is not read`);
    }
    const missing = NEEDED[kind].filter((part) => !names.has(part));
    if (missing.length > 0) {
      throw refuse(this.path, `${module} has ${has} only, a ${KIND_TITLES[kind]} needs ${missing.join(" and ")} too`);
    }
    if (kind === "lokr") this.#checkLokr(module, names);
    if (kind === "lora" || kind === "loha") this.#checkFactors(module, { kind, names });
    return kind;
  }

  #checkLokr(module: string, names: ReadonlyMap<KeyPart, string>): void {
    for (const factor of ["w1", "w2"] as const) {
      const [whole, a, b] = [names.get(factor), names.get(`${factor}_a`), names.get(`${factor}_b`)];
      const fits = whole !== undefined
        ? a === undefined && b === undefined && this.#shape(whole).length === 2
        : a !== undefined && b !== undefined && this.#multiply(a, b);
      if (!fits) {
        throw refuse(this.path, `the LoKr of ${module} has no ${factor}: it must be one matrix or the product of two`);
      }
    }
  }

  #checkFactors(module: string, { kind, names }: { kind: "lora" | "loha"; names: ReadonlyMap<KeyPart, string> }): void {
    const pairs: [KeyPart, KeyPart][] = kind === "lora" ? [["up", "down"]] : [["w1_a", "w1_b"], ["w2_a", "w2_b"]];
    for (const [left, right] of pairs) {
      const [first = "", second = ""] = [names.get(left), names.get(right)];
      if (this.#multiply(first, second) || (kind === "lora" && this.#makeKernel(first, second))) continue;
      throw refuse(
        this.path,
        `the ${KIND_TITLES[kind]} factors of ${module} are ${shown(this.#shape(second))} and ${
          shown(this.#shape(first))
        }, ` +
          "they must be [r, in] and [out, r]",
      );
    }
  }

  /** Whether two matrices [m, r] and [r, n] can be multiplied. */
  #multiply(left: string, right: string): boolean {
    const [a, b] = [this.#shape(left), this.#shape(right)];
    return a.length === 2 && b.length === 2 && a[1] === b[0] && a[1] !== 0;
  }

  /** Whether two factors [out, r, 1, …] and [r, in, …] are those of a kernel over frames, rows and columns. */
  #makeKernel(left: string, right: string): boolean {
    const [a, b] = [this.#shape(left), this.#shape(right)];
    const [rank = 0] = b;
    return b.length === 5 && a.length >= 2 && a[1] === rank && rank !== 0 && a.slice(2).every((size) => size === 1);
  }

  #shape(name: string): readonly number[] {
    return this.#weights.shapeOf(name);
  }

  #alphaOf(
    module: string,
    { entry, component, kind, tensors }: {
      entry: Entry;
      component: AdapterComponent | undefined;
      kind: KeyKind;
      tensors: Partial<Record<KeyPart, Tensor>>;
    },
  ): number | undefined {
    const name = entry.names.get("alpha");
    const rank = kind === "lora" ? tensors.down?.size(0) : undefined;
    if (name === undefined) {
      if (rank === undefined) return undefined;
      return alphaFromMetadata(this, { module, component: component ?? "transformer", rank }) ?? rank;
    }
    const shape = this.#shape(name);
    if (shape.some((size) => size !== 1)) throw refuse(this.path, `${shown(name)} has shape ${shown(shape)}, not []`);
    using stored = this.#weights.load(name, { dtype: "float64" });
    const alpha = stored.item();
    if (!Number.isFinite(alpha)) throw refuse(this.path, `${shown(name)} is ${alpha}`);
    return alpha === 0 && entry.kohya && rank !== undefined ? rank : alpha;
  }
}

/**
 * The adapters of one model from a file.
 * @param options.component which; absent where the file has adapters for one model only
 * @throws {WeightsError} listing what is not understood, incomplete or of the wrong shape, or if the model must be named
 */
export function readAdapters(path: string, options: { component?: AdapterComponent | undefined } = {}): AdapterModules {
  using file = AdapterFile.open(path);
  const { component } = options;
  if (component !== undefined) return file.read(file.componentFor(component));
  const [only, ...others] = file.components;
  if (others.length === 0) return file.read(only);
  const names = file.components.map((name) => name ?? "an unnamed model").join(" and ");
  throw refuse(path, `it holds adapters for ${names}`, "say which of them is meant");
}

function understood(weights: Weights, path: string): Map<AdapterComponent | undefined, Map<string, Entry>> {
  const models = new Map<AdapterComponent | undefined, Map<string, Entry>>();
  const foreign: string[] = [];
  for (const key of weights.keys()) {
    const parsed = parseAdapterKey(key);
    if (parsed === undefined) foreign.push(key);
    else add(models, { key, parsed, path });
  }
  if (foreign.length > 0) {
    const kinds = [...new Set(foreign.map(foreignKind))].join(", ");
    const names = listNames(foreign.map(shown), { limit: 3, unit: "names" });
    throw refuse(
      path,
      `${foreign.length} of ${weights.keys().length} names are no LoRA of a WAN model (${kinds}): ${names}`,
    );
  }
  if (models.size === 0) throw refuse(path, "it holds no tensors");
  return models;
}

function add(
  models: Map<AdapterComponent | undefined, Map<string, Entry>>,
  { key, parsed, path }: { key: string; parsed: AdapterKey; path: string },
): void {
  const { component, module, part, kind, kohya } = parsed;
  const modules = models.get(component) ?? new Map<string, Entry>();
  const entry: Entry = modules.get(module) ?? { names: new Map(), kinds: new Set(), kohya };
  const other = entry.names.get(part);
  if (other !== undefined) throw refuse(path, `${shown(key)} and ${shown(other)} both give the ${part} of ${module}`);
  entry.names.set(part, key);
  if (kind !== undefined) entry.kinds.add(kind);
  modules.set(module, entry);
  models.set(component, modules);
}

function refuse(path: string, fact: string, cure?: string): WeightsError {
  return new WeightsError(`Cannot read the LoRA ${shown(path)}: ${fact}`, { cure });
}
