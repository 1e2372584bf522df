/** Numbers that a test can draw again. */

/** A source of numbers. */
export interface Random {
  /** A whole number from 0 below `limit`. */
  below(limit: number): number;
}

/** The generator of a seed. Source: mulberry32. */
export function generatorOf(seed: number): Random {
  let state = seed >>> 0;
  return {
    below(limit): number {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = state;
      t = Math.imul(t ^ (t >>> 15), t | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * limit);
    },
  };
}
