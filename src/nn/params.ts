/**
 * How a model gets its parameters: it asks for each by path and expected shape. One constructor thus serves loading from
 * files, fresh initialisation and a dry run; what does not fit is gathered and told in full.
 */
import { listNames, type NotedName, WeightsError } from "../base/mod.ts";
import type { Tensor } from "../torch/mod.ts";
import type { QuantizedWeight } from "./quantized.ts";

/** Where parameters come from: a checkpoint, or an initialiser. */
export interface ParamSource {
  /** What to call the source in messages: a path. */
  readonly name: string;
  /** The names it holds; empty for a source that makes whatever is asked for. */
  keys(): Iterable<string>;
  /** The shape of a parameter, undefined if there is none of this name. */
  shapeOf(key: string): readonly number[] | undefined;
  /** Loads a parameter whose shape was checked. The caller owns the tensor. */
  load(key: string): Tensor;
  /** Loads a weight [out, in] of a linear layer in fewer bits, which is the caller's; undefined: `load` is to be asked. */
  loadQuantized?(key: string): QuantizedWeight | undefined;
}

interface Ledger {
  readonly source: ParamSource;
  /** The shape that each parameter is expected in, by name. */
  readonly asked: Map<string, readonly number[]>;
  readonly missing: NotedName[];
  readonly mismatched: NotedName[];
  readonly loaded: Map<string, Tensor>;
}

/** A cursor into a source: `p.at("attn1").at("to_q").get("weight", [C, C])` asks for `attn1.to_q.weight`. */
export class Params {
  readonly #ledger: Ledger;
  /** The path so far, with a dot at its end unless empty. */
  readonly #prefix: string;

  constructor(ledger: Ledger, prefix = "") {
    this.#ledger = ledger;
    this.#prefix = prefix;
  }

  /** The dotted path, without a dot at its end. */
  get path(): string {
    return this.#prefix.slice(0, -1);
  }

  at(name: string | number): Params {
    return new Params(this.#ledger, `${this.#prefix}${name}.`);
  }

  /** Whether the source holds a parameter; for layouts that differ in optional parts. */
  has(name: string): boolean {
    return this.#ledger.source.shapeOf(this.#prefix + name) !== undefined;
  }

  /**
   * The parameter of this name. Where it is missing or has another shape, that is noted and reported by
   * `buildModel` together with everything else; the model made meanwhile is never seen by anyone.
   */
  get(name: string, shape: readonly number[]): Tensor {
    const key = this.#prefix + name;
    return this.#fits(key, shape) ? this.#load(key) : MISSING;
  }

  /** The weight of a linear layer, in fewer bits where the source has it so; otherwise like `get`. */
  weight(name: string, shape: readonly [number, number]): Tensor | QuantizedWeight {
    const key = this.#prefix + name;
    if (!this.#fits(key, shape)) return MISSING;
    const { source, loaded } = this.#ledger;
    const quantized = source.loadQuantized?.(key);
    if (quantized === undefined) return this.#load(key);
    for (const [part, tensor] of Object.entries(quantized.tensors)) loaded.set(`${key}.${part}`, tensor);
    return quantized;
  }

  #load(key: string): Tensor {
    const tensor = this.#ledger.source.load(key);
    this.#ledger.loaded.set(key, tensor);
    return tensor;
  }

  /** Whether a parameter can be had; that it is asked for, and what is wrong with it, is noted. */
  #fits(key: string, shape: readonly number[]): boolean {
    const { source, asked, missing, mismatched } = this.#ledger;
    asked.set(key, shape);
    const found = source.shapeOf(key);
    if (found === undefined) {
      missing.push({ name: key, note: ` [${shape.join(", ")}]` });
      return false;
    }
    if (found.length === shape.length && found.every((size, i) => size === shape[i])) return true;
    mismatched.push({ name: key, note: ` is [${found.join(", ")}], expected [${shape.join(", ")}]` });
    return false;
  }
}

/** Stands in for a parameter that is reported as missing; the model holding it is thrown away. */
const MISSING = undefined as unknown as Tensor;

/**
 * The names and shapes of the parameters that a model asks for, in its order. Nothing is loaded.
 * @param build makes the model; what it makes is of no use
 */
export function parameterShapes(build: (params: Params) => unknown): ReadonlyMap<string, readonly number[]> {
  const source: ParamSource = {
    name: "nothing",
    keys: () => [],
    shapeOf: () => undefined,
    load: (key) => {
      throw new Error(`${key} is of no source`);
    },
  };
  const asked = new Map<string, readonly number[]>();
  build(new Params({ source, asked, missing: [], mismatched: [], loaded: new Map() }));
  return asked;
}

/** A model and every parameter it asked for, by name. */
export interface Built<M> {
  readonly model: M;
  readonly params: ReadonlyMap<string, Tensor>;
}

/**
 * Builds a model from a source.
 * @param source where the parameters are
 * @param options.build makes the model, asking for each parameter
 * @param options.ignore keys of the source that need not be used
 * @throws {WeightsError} naming all missing, surplus and misshapen parameters, those of many blocks in one word
 */
export function buildModel<M>(
  source: ParamSource,
  options: { build: (params: Params) => M; what: string; ignore?: (key: string) => boolean },
): Built<M> {
  const ledger: Ledger = { source, asked: new Map(), missing: [], mismatched: [], loaded: new Map() };
  let model: M;
  try {
    model = options.build(new Params(ledger));
    complain(ledger, options);
  } catch (error) {
    for (const tensor of ledger.loaded.values()) tensor[Symbol.dispose]();
    throw error;
  }
  return { model, params: ledger.loaded };
}

/**
 * Checks the names and shapes of a source; nothing is loaded.
 * @param shapes what the model asks for, by name
 * @throws {WeightsError} like `buildModel`
 */
export function checkParams(
  source: Omit<ParamSource, "load">,
  { shapes, what }: { shapes: ReadonlyMap<string, readonly number[]>; what: string },
): void {
  const ledger: Ledger = {
    source: { ...source, load: () => MISSING },
    asked: new Map(),
    missing: [],
    mismatched: [],
    loaded: new Map(),
  };
  const params = new Params(ledger);
  for (const [name, shape] of shapes) params.get(name, shape);
  complain(ledger, { what });
}

/** @throws {WeightsError} if something is missing, surplus or misshapen */
function complain(
  { source, asked, missing, mismatched }: Ledger,
  { what, ignore }: { what: string; ignore?: (key: string) => boolean },
): void {
  const surplus = [...source.keys()].filter((key) => !asked.has(key) && !ignore?.(key));
  const problems = [
    ...listed("missing", missing),
    ...listed("of another shape", mismatched),
    ...listed("unknown to the model", surplus),
  ];
  if (problems.length === 0) return;
  throw new WeightsError(`Cannot load ${what} from ${source.name}: ${problems.join("; ")}.`, {
    cure: "Check that config.json and the weights belong together, and that it is the model you named.",
  });
}

function listed(kind: string, names: readonly (string | NotedName)[]): string[] {
  if (names.length === 0) return [];
  return [`${names.length} ${names.length === 1 ? "tensor" : "tensors"} ${kind}: ${listNames(names)}`];
}
