/** What the files of a model's two experts say about which is which: their tensors do not tell. */
import { statSync } from "node:fs";
import { ConfigError } from "../base/mod.ts";
import { type ExpertMark, expertMark, openWeights } from "../weights/mod.ts";
import type { ModelPlaces } from "./model_files.ts";

/**
 * Looks at headers and names of two transformers' files.
 * @returns what is odd and may be meant: one of them says that it is the other expert
 * @throws {ConfigError} if each says that it is the other
 */
export function expertDoubts({ name, transformer, transformer_2 }: ModelPlaces): string[] {
  if (transformer_2 === undefined) return [];
  const experts = [
    { expert: "high", path: transformer, mark: markOf(transformer) },
    { expert: "low", path: transformer_2, mark: markOf(transformer_2) },
  ] as const;
  const odd = experts.flatMap(({ expert, path, mark }) =>
    mark === undefined || mark.expert === expert ? [] : [
      `${path} is used for the ${expert}-noise expert, and its ${mark.by} says that it is the ${mark.expert}-noise one`,
    ]
  );
  if (odd.length < experts.length) return odd;
  throw new ConfigError(`Cannot open the model ${name}: ${odd.join("; ")}`, {
    cure: "swap the two files",
  });
}

/** Headers of files in a folder are about the whole model. */
function markOf(path: string): ExpertMark | undefined {
  if (!statSync(path).isFile()) return expertMark(path, new Map());
  using weights = openWeights(path);
  return expertMark(path, weights.metadata);
}
