/** What is in a model's folder: every part, whole, damaged or missing. Configs and headers are read, weights are not. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { messageOf, WantuneError, WeightsError } from "../base/mod.ts";
import { checkParams } from "../nn/mod.ts";
import { openPart, type Weights } from "../weights/mod.ts";
import { readJson } from "./component.ts";
import { type ModelComponent, partOfComponent } from "./model_files.ts";
import { type ModelSource, openModel } from "./model_source.ts";
import { Tokenizer } from "./tokenizer.ts";
import { parseTransformerConfig, type TransformerConfig, transformerShapes } from "./transformer/mod.ts";
import { umt5Shapes } from "./umt5.ts";
import { parseUmt5Config } from "./umt5_config.ts";
import { parseVaeConfig, vaeShapes } from "./vae/mod.ts";
import type { Variant } from "./variant.ts";

/** A part of a model as it lies there. */
export interface PartInventory {
  readonly name: string;
  readonly state: "present" | "missing" | "damaged";
  /** What is wrong, in a sentence. */
  readonly problem?: string;
  readonly numTensors?: number;
  readonly numParameters?: number;
  /** Bytes of the tensors. */
  readonly bytes?: number;
  /** Share of the parameters in each type, the largest first. */
  readonly dtypes?: readonly { readonly dtype: string; readonly share: number }[];
}

/** A model as it lies there. */
export interface ModelInventory {
  readonly path: string;
  /** Absent if parts that tell it are missing or damaged. */
  readonly variant?: Variant;
  readonly isPublishedSize?: boolean;
  readonly transformer?: TransformerConfig;
  readonly strides?: { readonly spatialStride: number; readonly temporalStride: number };
  /** Why it cannot be opened as a whole. */
  readonly problem?: string;
  readonly parts: readonly PartInventory[];
}

/**
 * Looks at a model.
 * @param path a folder in diffusers layout, whole or not, of the official release, or of single files
 * @throws {WeightsError} if there is no such folder, or nothing of a model is in it
 */
export function takeInventory(path: string): ModelInventory {
  if (!existsSync(path)) {
    throw new WeightsError(`Cannot look at the model ${path}: there is no such folder`, { cure: "check the path" });
  }
  if (!statSync(path).isDirectory()) {
    throw new WeightsError(`Cannot look at the model ${path}: it is a file`, {
      cure: "see what is in it with `wantune inspect`, or name the model's folder",
    });
  }
  let model: ModelSource | undefined;
  let problem: string | undefined;
  try {
    model = openModel(path);
  } catch (error) {
    if (!(error instanceof WantuneError)) throw error;
    problem = error.message;
  }
  const parts = model === undefined ? loneParts(path) : wholeParts(model);
  if (parts.every(({ state }) => state === "missing")) {
    throw new WeightsError(`Cannot look at the model ${path}: nothing of a model is in it`, {
      cure: "name a folder in diffusers layout or of the official release",
    });
  }
  return {
    path,
    ...(model === undefined ? {} : {
      variant: model.variant,
      isPublishedSize: model.isPublishedSize,
      transformer: model.transformerConfig,
      strides: { spatialStride: model.spatialStride, temporalStride: model.temporalStride },
    }),
    ...(problem === undefined ? {} : { problem }),
    parts,
  };
}

/** The parts of a model that could be opened. */
function wholeParts(model: ModelSource): PartInventory[] {
  const weighted = model.components.map((component) =>
    inspect(component, () => model.openWeights(component), () => model.shapesOf(component))
  );
  return [...weighted, tokenizerPart(model.placeOf("tokenizer"))];
}

/** The parts of a folder in diffusers layout of which something is missing. */
function loneParts(path: string): PartInventory[] {
  const needsSecond = /"transformer_2":\s*\[\s*"/.test(textOf(join(path, "model_index.json")));
  const second = needsSecond || existsSync(join(path, "transformer_2")) ? ["transformer_2"] as const : [];
  const weighted = (["transformer", ...second, "vae", "text_encoder"] as const).map((component): PartInventory => {
    const folder = join(path, component);
    if (!existsSync(folder)) return { name: component, state: "missing" };
    return inspect(
      component,
      () => openPart(folder, partOfComponent(component)).weights,
      () => shapesOf(component, readJson(join(folder, "config.json"), `the ${component}`)),
    );
  });
  return [...weighted, tokenizerPart(join(path, "tokenizer"))];
}

function inspect(
  name: ModelComponent,
  open: () => Weights,
  shapes: () => ReadonlyMap<string, readonly number[]>,
): PartInventory {
  let facts: Omit<PartInventory, "name" | "state"> = {};
  try {
    using weights = open();
    facts = count(weights);
    const shapeOf = (key: string): readonly number[] | undefined => weights.has(key) ? weights.shapeOf(key) : undefined;
    checkParams({ name: "the files", keys: () => weights.keys(), shapeOf }, { shapes: shapes(), what: `the ${name}` });
    return { name, state: "present", ...facts };
  } catch (error) {
    if (!(error instanceof WantuneError)) throw error;
    return { name, state: "damaged", problem: error.message, ...facts };
  }
}

function count(weights: Weights): Omit<PartInventory, "name" | "state"> {
  const byType = new Map<string, number>();
  let numParameters = 0;
  let bytes = 0;
  for (const key of weights.keys()) {
    const numbers = weights.shapeOf(key).reduce((product, size) => product * size, 1);
    const dtype = weights.dtypeOf(key);
    byType.set(dtype, (byType.get(dtype) ?? 0) + numbers);
    numParameters += numbers;
    bytes += numbers * elementBytes(dtype);
  }
  const dtypes = [...byType].map(([dtype, numbers]) => ({ dtype, share: numbers / numParameters }))
    .sort((a, b) => b.share - a.share);
  return { numTensors: weights.keys().length, numParameters, bytes, dtypes };
}

function elementBytes(dtype: string): number {
  return dtype.startsWith("float8") ? 1 : Number(/\d+$/.exec(dtype)?.[0] ?? 8) / 8;
}

function shapesOf(component: ModelComponent, json: unknown): ReadonlyMap<string, readonly number[]> {
  const part = partOfComponent(component);
  const name = `${component}/config.json`;
  if (part === "vae") return vaeShapes(parseVaeConfig(json, name));
  return part === "text_encoder"
    ? umt5Shapes(parseUmt5Config(json, name))
    : transformerShapes(parseTransformerConfig(json, name));
}

function tokenizerPart(path: string): PartInventory {
  if (!existsSync(path) || (statSync(path).isDirectory() && readdirSync(path).length === 0)) {
    return { name: "tokenizer", state: "missing" };
  }
  try {
    Tokenizer.fromFile(path);
    return { name: "tokenizer", state: "present" };
  } catch (error) {
    return { name: "tokenizer", state: "damaged", problem: messageOf(error) };
  }
}

function textOf(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
