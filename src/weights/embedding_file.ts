/**
 * Files of learned tokens (textual inversion): vectors in the text encoder's input space. Nobody has settled a form for WAN,
 * so all the usual ones are read: by the encoder's name, by the token, as one tensor, as A1111's dict.
 *
 * Sources: ComfyUI comfy/sd1_clip.py, load_embed; AUTOMATIC1111 modules/textual_inversion/textual_inversion.py; diffusers
 * src/diffusers/loaders/textual_inversion.py; OneTrainer modules/modelSaver/mixin/EmbeddingSaverMixin.py
 */

import { basename, extname } from "node:path";
import { WeightsError } from "../base/mod.ts";
import { type DType, isFloating, type Tensor, unscoped } from "../torch/mod.ts";
import { shown } from "./header.ts";
import { openWeights } from "./sharded.ts";
import type { Weights } from "./weights.ts";
import { saveSafetensors } from "./write.ts";

/** Learned vectors for one token. Owns them. */
export interface EmbeddingFile extends Disposable {
  /** [n, C] in the stored type */
  readonly vectors: Tensor;
  /** The token that the file names; otherwise the file's own name without its ending. */
  readonly token: string;
  /** Whether the file names the token. */
  readonly namesToken: boolean;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Keys that name the encoder or nothing, in the order in which they are looked for. */
const KEYS = ["umt5xxl", "t5xxl", "t5", "emb_params", "emp_params"]; // the last as OneTrainer spells it
/** A1111's dict, whose only key is a star. */
const PARAM_PREFIX = "string_to_param.";
const OTHER_ENCODERS = ["clip_l", "clip_g", "clip_h", "llama", "qwen"];
const TOKEN_METADATA = "wantune.token";

/**
 * Reads a file of learned tokens.
 * @param path safetensors or torch file
 * @param options.width of the text encoder's embeddings; any if absent
 * @throws {WeightsError} if it holds no such vectors, several, or vectors of another width
 */
export function readEmbedding(path: string, options: { width?: number | undefined } = {}): EmbeddingFile {
  using weights = openWeights(path);
  const key = vectorsKey(weights, path);
  const shape = weights.shapeOf(key);
  const [width] = shape.slice(-1);
  const fact = shape.length < 1 || shape.length > 2 || !isFloating(weights.dtypeOf(key)) || shape.includes(0)
    ? `${shown(key)} is ${weights.dtypeOf(key)} ${shown(shape)}, it must be vectors`
    : options.width !== undefined && options.width !== width
    ? `its vectors have width ${width}, the text encoder has ${options.width} (it is for another model)`
    : undefined;
  if (fact !== undefined) throw refuse(path, fact);
  const vectors = unscoped(() => { // the file's owner frees them, not a formula that they were read in
    using stored = weights.load(key);
    return stored.reshape(shape.length === 1 ? [1, ...shape] : shape);
  });
  const named = tokenOf(weights, key);
  return {
    vectors,
    token: named ?? basename(path, extname(path)),
    namesToken: named !== undefined,
    metadata: weights.metadata,
    [Symbol.dispose]: () => vectors[Symbol.dispose](),
  };
}

function vectorsKey(weights: Weights, path: string): string {
  const keys = weights.keys().filter((key) => !key.endsWith("_out")); // rows behind the encoder cannot be moved elsewhere
  const params = keys.filter((key) => key.startsWith(PARAM_PREFIX));
  const known = KEYS.find((key) => keys.includes(key)) ?? (params.length === 1 ? params[0] : undefined);
  if (known !== undefined) return known;
  const [only] = keys;
  if (keys.length === 1 && only !== undefined && !OTHER_ENCODERS.includes(only)) return only;
  const names = keys.slice(0, 4).map(shown).join(", ");
  const fact = keys.length > 0 && keys.every((key) => OTHER_ENCODERS.includes(key))
    ? `it is for ${names}, not for UMT5`
    : `it holds ${keys.length} tensors, and none is called ${KEYS.slice(0, 4).join(", ")} (${names || "nothing"})`;
  throw refuse(path, fact);
}

/** The token, where the file says it: in its header, as the tensor's name, or as A1111's name. */
function tokenOf(weights: Weights, key: string): string | undefined {
  const told = weights.metadata.get(TOKEN_METADATA) ?? weights.metadata.get("name");
  if (told !== undefined && told !== "") return told;
  const isToken = !KEYS.includes(key) && !key.startsWith(PARAM_PREFIX) && key !== "tensor";
  return isToken ? key : undefined;
}

/**
 * - `comfy`: under `umt5xxl`, as ComfyUI looks for it
 * - `params`: under `emb_params`
 * - `diffusers`: under the token
 */
export type EmbeddingForm = "comfy" | "params" | "diffusers";

/**
 * Writes learned vectors; the token also stands in the header.
 * @param options.vectors [n, C]
 * @param options.form `comfy` if absent
 * @throws {DiskError} if the disk refuses
 */
export function saveEmbedding(
  path: string,
  options: {
    vectors: Tensor;
    token: string;
    form?: EmbeddingForm | undefined;
    dtype?: DType | undefined;
    metadata?: Readonly<Record<string, string>> | undefined;
  },
): void {
  const { vectors, token, form = "comfy", dtype, metadata } = options;
  const key = form === "comfy" ? "umt5xxl" : form === "params" ? "emb_params" : token;
  saveSafetensors(path, new Map([[key, vectors]]), {
    dtype,
    metadata: { format: "pt", [TOKEN_METADATA]: token, ...metadata },
  });
}

function refuse(path: string, fact: string): WeightsError {
  return new WeightsError(`Cannot read the embedding ${shown(path)}: ${fact}`, {
    cure: "use an embedding that was trained on UMT5's input vectors",
  });
}
