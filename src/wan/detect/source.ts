/** What a model's parts are, said aloud before they are loaded. */
import type { ModelComponent } from "../model_files.ts";
import type { ModelSource } from "../model_source.ts";
import { detectFile } from "./detect_file.ts";

/** A part of a model, described. */
export interface SourcePart {
  readonly part: ModelComponent;
  readonly path: string;
  /** `models/umt5.pth is the UMT5-XXL text encoder under official names: 242 tensors, ...` */
  readonly sentence: string;
}

/**
 * Says what each part's files are, by their names, shapes and types; tensors are not read.
 * @throws {WeightsError} listing what is missing, surplus or of another shape
 */
export function describeSource(source: ModelSource): SourcePart[] {
  source.checkWeights();
  return source.components.map((part) => {
    const path = source.placeOf(part);
    return { part, path, sentence: detectFile(path).sentence };
  });
}
