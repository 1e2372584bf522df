/**
 * Measuring two sides on a machine that has other things to do: rounds alternate between them, each round gives a ratio,
 * and medians are reported.
 */

/** One repetition's seconds, in the median of the rounds. */
export interface Compared {
  readonly ours: number;
  readonly theirs: number | undefined;
  /** The median of the rounds' ratios, ours / theirs. */
  readonly ratio: number | undefined;
}

/** The middle of some numbers. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[middle]];
  if (low === undefined || high === undefined) throw new RangeError("the median of no numbers");
  return (low + high) / 2;
}

/** Seconds for one repetition of `run`. */
export function secondsEach(count: number, run: () => void): number {
  const start = performance.now();
  for (let i = 0; i < count; i++) run();
  return (performance.now() - start) / 1000 / count;
}

/**
 * Alternates between two sides, and which of them comes first. The first round warms both up and does not count.
 * @param sides.ours one round of ours, seconds for one repetition
 * @param sides.theirs one round of theirs, if there is such a side
 */
export async function compare(
  rounds: number,
  sides: { ours: () => number | Promise<number>; theirs: (() => Promise<number>) | undefined },
): Promise<Compared> {
  const ours: number[] = [], theirs: number[] = [], ratios: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    let own = round % 2 === 1 ? await sides.ours() : undefined;
    const reference = await sides.theirs?.();
    own ??= await sides.ours();
    if (round === 0) continue;
    ours.push(own);
    if (reference === undefined) continue;
    theirs.push(reference);
    ratios.push(own / reference);
  }
  return sides.theirs === undefined
    ? { ours: median(ours), theirs: undefined, ratio: undefined }
    : { ours: median(ours), theirs: median(theirs), ratio: median(ratios) };
}

/** Seconds in a unit that suits them. */
export function duration(seconds: number): string {
  if (seconds < 1e-3) return `${(seconds * 1e6).toFixed(2)} µs`;
  return seconds < 1 ? `${(seconds * 1e3).toFixed(2)} ms` : `${seconds.toFixed(2)} s`;
}

/** One line of the report, and with a limit whether it holds. */
export function report(name: string, compared: Compared, limit?: number): string {
  const { ours, theirs, ratio } = compared;
  if (theirs === undefined || ratio === undefined) return `${name.padEnd(34)} ${duration(ours).padStart(10)}`;
  const verdict = limit === undefined
    ? ""
    : ratio <= limit
    ? `  ok, at most ${limit.toFixed(2)}`
    : `  MORE THAN ${limit.toFixed(2)}`;
  return `${name.padEnd(34)} ${duration(ours).padStart(10)} ${duration(theirs).padStart(12)}   ${
    ratio.toFixed(2)
  }${verdict}`;
}
