/** Everything there is to say about a weight file. */
import { groupNames, WeightsError } from "../../base/mod.ts";
import { detectFile } from "../../wan/mod.ts";
import { decodedWeights, openWeights, type Weights } from "../../weights/mod.ts";
import { type Suspicion, suspicionOf, type Values, valuesOf } from "./values.ts";

/** A tensor of a file; values are those that it stands for, in fp8 those with the scale. */
export interface InspectedTensor extends Partial<Values> {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly suspicion?: Suspicion;
}

/** A file, looked at. */
export interface Inspection {
  readonly path: string;
  /** What it is, in one word and in a few. */
  readonly kind: string;
  readonly what: string;
  /** Why it cannot be used as it is. */
  readonly problems: readonly string[];
  readonly numTensors: number;
  readonly bytes: number;
  /** Tensors by number type. */
  readonly dtypes: Readonly<Record<string, number>>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Tensors that differ in their numbers alone, joined. */
  readonly groups: readonly { readonly names: string; readonly count: number }[];
  readonly tensors: readonly InspectedTensor[];
  /** Names by what is suspicious about them; absent where values were not looked at, or cannot be. */
  readonly suspicious?: Readonly<Partial<Record<Suspicion, readonly string[]>>>;
}

/** How files are looked at. */
export interface LookOptions {
  /** Whether the numbers are looked at too, which reads the whole file. Needs libtorch. */
  readonly values: boolean;
  /** Called between tensors; throws to end it. */
  readonly check: () => void;
}

/** Looks at a file, tensor by tensor. @throws {WeightsError} if it is absent or damaged */
export function inspectFile(path: string, { values, check }: LookOptions): Inspection {
  const { kind, sentence, problems, bytes } = detectFile(path);
  using weights = openWeights(path);
  using numbers = values ? numbersIn(path) : undefined;
  const keys = weights.keys();
  const tensors = keys.map((name): InspectedTensor => {
    check();
    const facts = { name, dtype: weights.dtypeOf(name), shape: weights.shapeOf(name) };
    if (numbers === undefined || !numbers.has(name) || facts.shape.includes(0)) return facts;
    using tensor = numbers.mapped(name);
    const found = valuesOf(tensor);
    if (found === undefined) return facts;
    const suspicion = suspicionOf(found);
    return { ...facts, ...found, ...(suspicion === undefined ? {} : { suspicion }) };
  });
  const suspicious = Map.groupBy(tensors.filter(({ suspicion }) => suspicion), ({ suspicion }) => suspicion);
  const dtypes: Record<string, number> = {};
  for (const { dtype } of tensors) dtypes[dtype] = (dtypes[dtype] ?? 0) + 1;
  const noted = tensors.map(({ name, shape, dtype }) => ({ name, note: ` [${shape.join(", ")}] ${dtype}` }));
  return {
    path,
    kind,
    what: sentence.slice(`${path} is `.length),
    problems,
    numTensors: keys.length,
    bytes,
    dtypes,
    metadata: Object.fromEntries(weights.metadata),
    groups: groupNames(noted).map(({ text, count }) => ({ names: text, count })),
    tensors,
    ...(numbers !== undefined
      ? { suspicious: Object.fromEntries([...suspicious].map(([k, v]) => [k, v.map(({ name }) => name)])) }
      : {}),
  };
}

/** The numbers that a file stands for, without what only describes them; undefined if its layout is not read. */
function numbersIn(path: string): Weights | undefined {
  try {
    return decodedWeights(openWeights(path));
  } catch (error) {
    if (error instanceof WeightsError) return undefined;
    throw error;
  }
}
