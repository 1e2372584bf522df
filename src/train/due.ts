/** When what happens once in a while is due. It follows from the step alone, so that a resumed run does it at the same ones. */

/** How often something happens, as sections of the config say it. */
export interface Interval {
  readonly everySteps: number;
  readonly everyEpochs?: number | undefined;
}

/** What turns steps into epochs. */
export interface EpochLength {
  /** Optimizer steps for each pass over the data, not rounded. */
  readonly stepsPerEpoch: number;
}

/**
 * Whether something is due after `step` optimizer steps: at multiples of `everySteps`, or after the step in which a multiple
 * of `everyEpochs` epochs ends.
 */
export function isDue(step: number, { everySteps, everyEpochs }: Interval, { stepsPerEpoch }: EpochLength): boolean {
  if (everyEpochs === undefined) return step % everySteps === 0;
  const ended = (steps: number): number => Math.floor(steps / stepsPerEpoch / everyEpochs + 1e-9);
  return step === 0 || ended(step) > ended(step - 1);
}
