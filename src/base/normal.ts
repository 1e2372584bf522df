/** The standard normal law in float64: its distribution function and the inverse. */

/** Beyond this many deviations the continued fraction converges in fewer terms than the series. */
const TAIL = 2.5;

/**
 * The share of a standard normal law below `x`, to about 1e-15. Source: Abramowitz and Stegun, 26.2.11 (series) and
 * 26.2.14 (continued fraction of the tail).
 */
export function normalCdf(x: number): number {
  if (Number.isNaN(x)) return NaN;
  if (x > TAIL) return 1 - normalCdf(-x);
  const density = Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  if (x >= -TAIL) {
    let term = x, sum = x;
    for (let n = 3; Math.abs(term) > 1e-17 * Math.abs(sum); n += 2) sum += term *= x * x / n;
    return 0.5 + density * sum;
  }
  if (density === 0) return 0;
  let fraction = -x;
  for (let n = 80; n > 0; n--) fraction = -x + n / fraction;
  return density / fraction;
}

/** The `x` below which a share of the standard normal law lies, by bisection. @param share in [0, 1]; the ends give ±∞ */
export function normalQuantile(share: number): number {
  if (share <= 0) return -Infinity;
  if (share >= 1) return Infinity;
  return share > 0.5 ? -lowerQuantile(1 - share) : lowerQuantile(share);
}

function lowerQuantile(share: number): number {
  return bisect((x) => normalCdf(x) - share, { low: -40, high: 0 });
}

/** Where a rising function crosses zero between `low` and `high`, to the last bit. */
export function bisect(rising: (x: number) => number, { low, high }: { low: number; high: number }): number {
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return middle;
    if (rising(middle) < 0) low = middle;
    else high = middle;
  }
}
