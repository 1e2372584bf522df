/** A part of a model from whatever file holds it: its tensors under diffusers' names, decoded. */

import { listNames, WeightsError } from "../base/mod.ts";
import { decodedWeights } from "./fp8.ts";
import { shown } from "./header.ts";
import { type FoundPart, identifyParts, type ModelPart } from "./identify.ts";
import { openWeights } from "./sharded.ts";
import { renamedWeights, type Weights } from "./weights.ts";

/** Words for people. */
export const PART_TITLES: Record<ModelPart, string> = {
  transformer: "a WAN transformer",
  vae: "a WAN VAE",
  text_encoder: "a UMT5 text encoder",
};

/** An opened part. */
export interface OpenPart {
  /** Under diffusers' names; names that no such part has keep theirs, so that the model reports them. */
  readonly weights: Weights;
  readonly found: FoundPart;
}

/**
 * Opens one part of a model in any naming, with any of the known prefixes, safetensors or torch file, fp8 decoded.
 * @param path a file, an index, or a folder with one of the usual names
 * @throws {WeightsError} if it cannot be read or is something else, saying what
 */
export function openPart(path: string, part: ModelPart): OpenPart {
  const stored = openWeights(path);
  try {
    return partOf(stored, { path, part });
  } catch (error) {
    stored[Symbol.dispose]();
    throw error;
  }
}

/** The part in weights that are open already; takes them over. @throws {WeightsError} like `openPart` */
export function partOf(stored: Weights, { path, part }: { path: string; part: ModelPart }): OpenPart {
  const weights = decodedWeights(stored);
  const parts = identifyParts(weights.keys());
  const found = parts.find((candidate) => candidate.part === part);
  if (found === undefined) {
    const others = parts.map((other) => PART_TITLES[other.part]).join(" and ");
    const fact = others === ""
      ? `its names are none of one: ${listNames(weights.keys(), { limit: 3 })}`
      : `it is ${others}`;
    throw new WeightsError(`Cannot read ${shown(path)} as ${PART_TITLES[part]}: ${fact}`, {
      cure: "name another file",
    });
  }
  const names = new Map([...found.names, ...found.surplus.map((key) => [key, key] as const)]);
  return { weights: renamedWeights(weights, names), found };
}
