/**
 * Reads adapter files of every common kind and naming into one form: for each module, by its diffusers path, the factors and
 * alpha. What is not understood is refused rather than left out.
 */

import { isFloating, type Tensor, unscoped } from "../torch/mod.ts";
import { type AdapterEntries, adapterEntries, type AdapterEntry, adapterRefusal as refuse } from "./adapter_entries.ts";
import { adapterKind, KIND_TITLES } from "./adapter_kind.ts";
import { shown } from "./header.ts";
import { alphaIn, configBeside, configInHeader, type LoraConfig } from "./lora_config.ts";
import { type AdapterComponent, type KeyKind, type KeyPart, peftModule } from "./lora_keys.ts";
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

/** An adapter file whose names were understood; tensors are read when asked for. */
export class AdapterFile implements Disposable {
  readonly path: string;
  readonly metadata: ReadonlyMap<string, string>;
  /** What had to be assumed of its numbers, in a sentence; undefined where all is said. */
  readonly assumption: string | undefined;
  readonly #weights: Weights;
  readonly #models: AdapterEntries;
  readonly #headers = new Map<AdapterComponent, { config: LoraConfig | undefined }>();
  /** Of a file that peft wrote itself. */
  readonly #beside: LoraConfig | undefined;

  private constructor(path: string, weights: Weights) {
    this.path = path;
    this.metadata = weights.metadata;
    this.#weights = weights;
    this.#models = adapterEntries(weights, path);
    const isPeft = weights.keys().some((key) => peftModule(key) !== undefined);
    this.#beside = isPeft ? configBeside(path) : undefined;
    this.assumption = isPeft && this.#beside === undefined && !weights.keys().some((key) => key.endsWith(".alpha"))
      ? "its names are peft's own, and no adapter_config.json with its alpha lies beside it: alpha is taken to be the rank"
      : undefined;
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

  /** Ranks and alphas of the LoRAs that it has for a model, ascending and without repetition. */
  numbers(component: AdapterComponent | undefined): { readonly ranks: number[]; readonly alphas: number[] } {
    const ranks = new Set<number>(), alphas = new Set<number>();
    for (const [module, entry] of this.#models.get(component) ?? []) {
      const rank = this.#rankOf(entry);
      if (rank === undefined) continue;
      ranks.add(rank);
      alphas.add(this.#alphaOf(module, { entry, component, kind: "lora" }) ?? rank);
    }
    const sorted = (values: ReadonlySet<number>): number[] => [...values].sort((a, b) => a - b);
    return { ranks: sorted(ranks), alphas: sorted(alphas) };
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
    { entry, component, made }: { entry: AdapterEntry; component: AdapterComponent | undefined; made: DisposableStack },
  ): AdapterTensors {
    const kind = adapterKind(module, entry, { path: this.path, shapeOf: (name) => this.#shape(name) });
    const tensors: Partial<Record<KeyPart, Tensor>> = {};
    for (const [part, name] of entry.names) {
      if (part === "alpha") continue;
      const dtype = this.#weights.dtypeOf(name);
      if (!isFloating(dtype)) {
        throw refuse(this.path, `${shown(name)} of the ${KIND_TITLES[kind]} is ${dtype}, it must be floating-point`);
      }
      tensors[part] = made.use(this.#weights.load(name));
    }
    return { kind, tensors, alpha: this.#alphaOf(module, { entry, component, kind }) };
  }

  #header(component: AdapterComponent): LoraConfig | undefined {
    const known = this.#headers.get(component) ?? { config: configInHeader(this, component) };
    this.#headers.set(component, known);
    return known.config;
  }

  #shape(name: string): readonly number[] {
    return this.#weights.shapeOf(name);
  }

  #rankOf({ names }: AdapterEntry): number | undefined {
    const down = names.get("down");
    return down === undefined ? undefined : this.#shape(down)[0];
  }

  #alphaOf(
    module: string,
    { entry, component, kind }: { entry: AdapterEntry; component: AdapterComponent | undefined; kind: KeyKind },
  ): number | undefined {
    const name = entry.names.get("alpha");
    const rank = kind === "lora" ? this.#rankOf(entry) : undefined;
    if (name === undefined) {
      if (rank === undefined) return undefined;
      const header = this.#header(component ?? "transformer");
      if (header !== undefined) return alphaIn(header, { path: this.path, module, rank });
      const own = peftModule(entry.names.get("down") ?? "");
      return this.#beside && own ? alphaIn(this.#beside, { path: this.path, module: own, rank }) : rank;
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
