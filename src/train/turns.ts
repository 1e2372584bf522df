/**
 * Which expert each optimizer step of a run belongs to. The next turn follows from the config and from the steps that each
 * expert has taken, so that a resumed run takes the turns of an unbroken one, and a run whose config has changed since
 * gives each expert as many steps as are asked for.
 */

/** One step of the run: whose it is, and which of the expert's own steps, counted from 0. */
export interface Turn {
  /** Place of the expert in the list. */
  readonly expert: number;
  readonly step: number;
}

/**
 * The turns of a run, one a step: each expert in the list takes `switchEvery` steps, then the next; one that has taken all
 * its steps is passed over. One that is behind the others by a turn or more catches up first.
 * @param options.steps how many each expert takes in all
 * @param options.taken how many each has taken already; none if absent
 */
export function* turns(
  options: { steps: readonly number[]; switchEvery: number; taken?: readonly number[] },
): Generator<Turn> {
  const { steps, switchEvery } = options;
  const taken = steps.map((_, expert) => options.taken?.[expert] ?? 0);
  const finished = (expert: number): number => Math.floor((taken[expert] ?? 0) / switchEvery); // whole turns
  for (;;) {
    const waiting = [...steps.keys()].filter((expert) => (taken[expert] ?? 0) < (steps[expert] ?? 0));
    const [first] = waiting;
    if (first === undefined) return;
    const expert = waiting.reduce((next, other) => finished(other) < finished(next) ? other : next, first);
    const step = taken[expert] ?? 0;
    taken[expert] = step + 1;
    yield { expert, step };
  }
}
