/** What a run leaves on the disk, at most. */
import { savedFormats, type SettledConfig } from "../../config/mod.ts";
import { dtypeSize } from "../../torch/mod.ts";
import { isDue } from "../../train/mod.ts";
import { type ModelSource, transformerShapes, umt5Shapes, vaeShapes } from "../../wan/mod.ts";

/** Bytes on the disk. */
export interface DiskUse {
  readonly checkpointBytes: number;
  readonly outputBytes: number;
}

/** What an expert's training writes. */
export interface ExpertSizes {
  readonly steps: number;
  /** Numbers that are trained, and bytes of its part of a checkpoint. */
  readonly numTrained: number;
  readonly checkpointBytes: number;
}

/**
 * Checkpoints: the newest, the best, those kept for good, and one that is being written. Outputs: at the end, of the best, and with
 * each checkpoint where that is wished.
 * @param options.stepsPerEpoch optimizer steps for each pass over the data, not rounded
 */
export function diskUse(
  { save, validation, method }: Pick<SettledConfig, "save" | "validation" | "method">,
  { experts, models, stepsPerEpoch }: { experts: readonly ExpertSizes[]; models: ModelSource; stepsPerEpoch: number },
): DiskUse {
  const { keep, keepEverySteps, intermediate, dtype } = save, formats = savedFormats({ method, save });
  const sum = (of: (expert: ExpertSizes) => number): number => experts.reduce((total, one) => total + of(one), 0);
  const steps = sum((expert) => expert.steps), best = validation === undefined ? 0 : 1;
  const saves = Array.from({ length: Math.max(0, steps - 1) }, (_, i) => i + 1)
    .filter((step) => isDue(step, save, { stepsPerEpoch }));
  const forGood = keepEverySteps === undefined ? 0 : saves.filter((step) => step % keepEverySteps === 0).length;
  const written = 1 + best + (intermediate ? saves.length : 0);
  const { whole, transformer } = modelNumbers(models);
  const numbers = method.kind === "full"
    ? (formats.includes("diffusers") ? whole : 0) +
      (formats.some((format) => format !== "diffusers") ? experts.length * transformer : 0)
    : formats.length * sum((expert) => expert.numTrained);
  return {
    checkpointBytes: (keep + best + forGood + 1) * sum((expert) => expert.checkpointBytes),
    outputBytes: written * numbers * dtypeSize(dtype),
  };
}

/** Numbers of a model with all its parts, and of one transformer. */
function modelNumbers(models: ModelSource): { whole: number; transformer: number } {
  const numbersOf = (shapes: ReadonlyMap<string, readonly number[]>): number =>
    [...shapes.values()].reduce((sum, shape) => sum + shape.reduce((product, size) => product * size, 1), 0);
  const transformer = numbersOf(transformerShapes(models.transformerConfig));
  const encoders = numbersOf(umt5Shapes(models.textEncoderConfig)) + numbersOf(vaeShapes(models.vaeConfig));
  return { whole: (models.boundary === null ? 1 : 2) * transformer + encoders, transformer };
}
