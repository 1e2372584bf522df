/**
 * Which expert each optimizer step of a run belongs to. The order follows from the config alone, so that a resumed run takes
 * the same turns without anything being remembered.
 */

/** One step of the run: whose it is, and which of the expert's own steps, counted from 0. */
export interface Turn {
  /** Place of the expert in the list. */
  readonly expert: number;
  readonly step: number;
}

/**
 * The turns of a run, one a step: each expert in the list takes `switchEvery` steps, then the next; one that has taken all
 * its steps is passed over.
 * @param options.steps how many each expert takes in all
 */
export function* turns({ steps, switchEvery }: { steps: readonly number[]; switchEvery: number }): Generator<Turn> {
  const taken = steps.map(() => 0);
  const left = (expert: number): number => (steps[expert] ?? 0) - (taken[expert] ?? 0);
  while (steps.some((_, expert) => left(expert) > 0)) {
    for (const expert of steps.keys()) {
      for (let i = 0; i < switchEvery && left(expert) > 0; i++) {
        const step = taken[expert] ?? 0;
        taken[expert] = step + 1;
        yield { expert, step };
      }
    }
  }
}
