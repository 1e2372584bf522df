/** What a weight file is: told from its names, shapes and types alone, and said in a sentence. */
import { messageOf, WeightsError } from "../../base/mod.ts";
import { type DType, dtypeSize } from "../../torch/mod.ts";
import {
  adapterProblems,
  decodedWeights,
  type Fp8Facts,
  fp8Facts,
  fp8Text,
  identifyParts,
  openWeights,
  readEmbedding,
  sizeText,
  type Weights,
} from "../../weights/mod.ts";
import { describeAdapter, type DetectedAdapter } from "./adapter.ts";
import { describePart, type DetectedPart } from "./part.ts";

/** What wantune knows files to be; `model` is several parts in one. */
export type FileKind =
  | ("transformer" | "vae" | "text_encoder" | "model")
  | ("adapter" | "embedding" | "optimizer" | "unknown");

/** A weight file, described. */
export interface DetectedFile {
  readonly path: string;
  readonly kind: FileKind;
  /** `wan2.2_ti2v.safetensors is the transformer of WAN 2.2 TI2V-5B ...: 825 tensors, 5.00 billion numbers, ...` */
  readonly sentence: string;
  readonly parts: readonly DetectedPart[];
  readonly adapter?: DetectedAdapter;
  readonly numTensors: number;
  readonly numParameters: number;
  /** Bytes of all tensors. */
  readonly bytes: number;
  /** Tensors and numbers in each type, the largest first. */
  readonly dtypes: readonly { readonly dtype: DType; readonly tensors: number; readonly parameters: number }[];
  readonly fp8: Fp8Facts;
  readonly metadata: ReadonlyMap<string, string>;
  /** Why it cannot be used as it is, one sentence each. */
  readonly problems: readonly string[];
}

const OPTIMIZER = /(^|\.)(exp_avg|exp_avg_sq|max_exp_avg_sq|momentum_buffer|exp_inf)(\.|$)/;
/** More tensors than a file of learned tokens ever has. */
const MAX_EMBEDDING_TENSORS = 8;

/**
 * Looks at a file; its tensors are not read.
 * @param path safetensors or torch file, an index, or a folder with one
 * @throws {WeightsError} if it cannot be read at all
 */
export function detectFile(path: string): DetectedFile {
  using weights = openWeights(path);
  const dtypes = countDtypes(weights);
  const sum = (pick: (entry: DetectedFile["dtypes"][number]) => number): number =>
    dtypes.reduce((total, entry) => total + pick(entry), 0);
  const { kind, title, problems, ...found } = identified(weights, path);
  const fp8 = fp8Facts(weights);
  const unreadable = quantisationProblem(path);
  const numTensors = sum(({ tensors }) => tensors), numParameters = sum(({ parameters }) => parameters);
  const bytes = sum(({ dtype, parameters }) => parameters * dtypeSize(dtype));
  const types = fp8Text(fp8) ?? (dtypes.map(({ dtype }) => dtype).join(" and ") || "nothing");
  const size = `${numTensors} ${numTensors === 1 ? "tensor" : "tensors"}, ${countText(numParameters)}, ${
    sizeText(bytes)
  }, ${types}`;
  return {
    path,
    kind,
    sentence: `${path} is ${title}: ${size}`,
    ...found,
    numTensors,
    numParameters,
    bytes,
    dtypes,
    fp8,
    metadata: new Map(weights.metadata),
    problems: [...(unreadable === undefined ? [] : [unreadable]), ...problems],
  };
}

interface Identified {
  readonly kind: FileKind;
  readonly title: string;
  readonly parts: readonly DetectedPart[];
  readonly adapter?: DetectedAdapter;
  readonly problems: readonly string[];
}

function identified(weights: Weights, path: string): Identified {
  const keys = weights.keys();
  const plain = { parts: [], problems: [] };
  if (keys.length > 0 && keys.filter((key) => OPTIMIZER.test(key)).length * 4 > keys.length) {
    return { ...plain, kind: "optimizer", title: "the state of an optimizer" };
  }
  const adapter = describeAdapter(weights);
  if (adapter !== undefined) {
    return { ...plain, kind: "adapter", title: adapter.title, adapter, problems: adapterProblems(weights, path) };
  }
  const scales = new Set(quantisationKeys(weights));
  const parts = identifyParts(keys.filter((key) => !scales.has(key))).map((found) =>
    describePart(weights, { found, path })
  );
  const [first, ...others] = parts;
  if (first !== undefined) {
    const problems = parts.flatMap(({ problem }) => problem === undefined ? [] : [problem]);
    const title = parts.map((part) => part.title).join(", and ");
    return { kind: others.length > 0 ? "model" : first.part, title, parts, problems };
  }
  const embedding = keys.length <= MAX_EMBEDDING_TENSORS ? embeddingTitle(path) : undefined;
  if (embedding !== undefined) return { ...plain, kind: "embedding", title: embedding };
  return { ...plain, kind: "unknown", title: "no file that wantune knows" };
}

/** Scales and descriptions of quantised weights: names that no part has. */
function quantisationKeys(weights: Weights): string[] {
  const endings = /\.(scale_weight|weight_scale|weight_scale_2|scale_input|input_scale|comfy_quant)$|(^|\.)scaled_fp8$/;
  return weights.keys().filter((key) => endings.test(key));
}

function embeddingTitle(path: string): string | undefined {
  try {
    using file = readEmbedding(path);
    const [count = 0, width = 0] = file.vectors.shape;
    const token = file.namesToken ? ` for ${file.token}` : "";
    return `a learned token${token} of ${count} ${count === 1 ? "vector" : "vectors"} of width ${width}`;
  } catch (error) {
    if (error instanceof WeightsError) return undefined;
    throw error;
  }
}

function quantisationProblem(path: string): string | undefined {
  try {
    using _weights = decodedWeights(openWeights(path));
    return undefined;
  } catch (error) {
    if (error instanceof WeightsError) return messageOf(error);
    throw error;
  }
}

function countDtypes(weights: Weights): DetectedFile["dtypes"] {
  const counts = new Map<DType, { tensors: number; parameters: number }>();
  for (const key of weights.keys()) {
    const dtype = weights.dtypeOf(key);
    const { tensors = 0, parameters = 0 } = counts.get(dtype) ?? {};
    const numbers = weights.shapeOf(key).reduce((product, size) => product * size, 1);
    counts.set(dtype, { tensors: tensors + 1, parameters: parameters + numbers });
  }
  return [...counts].map(([dtype, count]) => ({ dtype, ...count })).sort((a, b) => b.parameters - a.parameters);
}

/** `14.29 billion numbers` */
function countText(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toFixed(2)} billion numbers`;
  if (count >= 1e6) return `${(count / 1e6).toFixed(1)} million numbers`;
  return count === 1 ? "1 number" : `${count} numbers`;
}
