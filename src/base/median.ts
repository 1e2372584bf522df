/** The middle of some numbers, or the mean of the two in the middle. @throws {RangeError} if there are none */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("no numbers to take the median of");
  const sorted = values.toSorted((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] as number) + upper) / 2;
}
