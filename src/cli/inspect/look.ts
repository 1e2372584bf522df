/** Everything there is to say about a weight file. */
import { groupNames, listNames, WeightsError } from "../../base/mod.ts";
import {
  AdapterFile,
  bytesOf,
  fp8Facts,
  fp8Text,
  identifyParts,
  openWeights,
  PART_TITLES,
  readEmbedding,
  type Weights,
} from "../../weights/mod.ts";
import { type Suspicion, suspicionOf, type Values, valuesOf } from "./values.ts";

/** A tensor of a file. */
export interface InspectedTensor extends Partial<Values> {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly suspicion?: Suspicion;
}

/** A file, looked at. */
export interface Inspection {
  readonly path: string;
  /** What it is, in words. */
  readonly what: string;
  readonly numTensors: number;
  readonly bytes: number;
  /** Tensors by number type. */
  readonly dtypes: Readonly<Record<string, number>>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Tensors that differ in their numbers alone, joined. */
  readonly groups: readonly { readonly names: string; readonly count: number }[];
  readonly tensors: readonly InspectedTensor[];
  /** Names by what is suspicious about them; absent where values were not looked at. */
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
  using weights = openWeights(path);
  const keys = weights.keys();
  const tensors = keys.map((name): InspectedTensor => {
    check();
    const facts = { name, dtype: weights.dtypeOf(name), shape: weights.shapeOf(name) };
    if (!values || facts.shape.includes(0)) return facts;
    using tensor = weights.mapped(name);
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
    what: whatIs(weights, path),
    numTensors: keys.length,
    bytes: keys.reduce((sum, key) => sum + bytesOf({ dtype: weights.dtypeOf(key), shape: weights.shapeOf(key) }), 0),
    dtypes,
    metadata: Object.fromEntries(weights.metadata),
    groups: groupNames(noted).map(({ text, count }) => ({ names: text, count })),
    tensors,
    ...(values
      ? { suspicious: Object.fromEntries([...suspicious].map(([k, v]) => [k, v.map(({ name }) => name)])) }
      : {}),
  };
}

/** What a file is, from its names. A LoRA in official names has those of a transformer too, so that comes first. */
function whatIs(weights: Weights, path: string): string {
  const adapter = adapterText(path);
  if (adapter.text !== undefined) return adapter.text;
  const parts = identifyParts(weights.keys());
  if (parts.length === 0) return embedding(path) ?? `nothing that wantune knows: ${adapter.reason}`;
  return parts.map(({ part, naming, prefix, surplus }) => {
    const names = `${naming === "original" ? "official" : "diffusers'"} names`;
    const before = prefix === "" ? "" : ` behind "${prefix}"`;
    const others = surplus.length === 0 ? "" : `, and ${listNames(surplus, { limit: 3 })} that it does not have`;
    return `${PART_TITLES[part]} under ${names}${before}${others}`;
  }).join("; ") + fp8(weights);
}

/** What adapters a file holds, or why it is no file of adapters. */
function adapterText(path: string): { text?: string; reason?: string } {
  try {
    using file = AdapterFile.open(path);
    const models = file.components.map((component) => {
      const kinds = [...file.kinds(component)].map(([kind, count]) => `${kind} of ${count} modules`).join(", ");
      return `${kinds} for ${component ?? "a WAN transformer"}`;
    });
    return { text: models.join("; ") };
  } catch (error) {
    if (!(error instanceof WeightsError)) throw error;
    return { reason: error.message.replace(/^Cannot read the LoRA "[^"]*": /, "") };
  }
}

function fp8(weights: Weights): string {
  const text = fp8Text(fp8Facts(weights));
  return text === undefined ? "" : `, ${text}`;
}

/** Undefined if it is none. */
function embedding(path: string): string | undefined {
  try {
    using file = readEmbedding(path);
    return `a learned token of ${file.vectors.size(0)} vectors`;
  } catch {
    return undefined;
  }
}
