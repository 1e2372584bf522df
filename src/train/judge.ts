/** Whether a step may be taken, by its numbers. */
import { TorchError } from "../base/mod.ts";
import type { StepNumbers } from "./step.ts";

/** Files that an error names at most. */
const NAMED = 8;

/**
 * Refuses a step whose numbers are not finite, or whose error is above a limit.
 * @param options.step counted from 1
 * @param options.files of the clips of the step
 * @throws {TorchError} naming the numbers, the limit and the files
 */
export function judgeStep(
  { loss, error, gradNorm }: StepNumbers,
  { step, limit, files = [] }: { step: number; limit?: number | undefined; files?: readonly string[] },
): void {
  const finite = Number.isFinite(loss) && Number.isFinite(gradNorm);
  if (finite && (limit === undefined || error <= limit)) return;
  const found = finite
    ? `a loss of ${error.toPrecision(4)}, above the limit of ${limit?.toPrecision(4)} (train.maxLossRatio)`
    : `a loss of ${loss} and a gradient norm of ${gradNorm}`;
  const distinct = [...new Set(files)];
  const more = distinct.length > NAMED ? ` and ${distinct.length - NAMED} more` : "";
  const clips = distinct.length === 0 ? "" : ` Its clips: ${distinct.slice(0, NAMED).join(", ")}${more}.`;
  const orLimit = finite ? " or `--set train.maxLossRatio=...`" : ""; // which lets nothing pass that is not finite
  throw new TorchError(`Step ${step} gave ${found}; nothing was updated.${clips}`, {
    cure:
      "look at these clips; the last checkpoint is whole, but the same settings lead to the same step: resume with " +
      `others, such as \`--set optim.learningRate=...\`${orLimit}`,
  });
}
