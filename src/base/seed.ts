/**
 * Randomness without state: every draw has its own generator, whose seed is made of the run's seed, a purpose and the
 * numbers that name the draw (step, index, epoch). A resumed run therefore needs no random state.
 */

import { createHash } from "node:crypto";

const MASK_63 = (1n << 63n) - 1n;

/**
 * The seed of one draw.
 * @param runSeed the run's seed, an integer
 * @param purpose a fixed word that keeps draws of different kinds apart ("noise", "timestep", "shuffle")
 * @param numbers integers that name the draw
 * @returns 63 bits, so that it fits a signed 64-bit integer
 */
export function seedFor(runSeed: number | bigint, purpose: string, ...numbers: readonly (number | bigint)[]): bigint {
  const text = [runSeed, ...numbers].map((number) => BigInt(number).toString()).join(",");
  const digest = createHash("sha256").update(`${purpose.length}:${purpose}:${text}`).digest();
  return digest.readBigUInt64LE(0) & MASK_63;
}

/** A deterministic source of numbers; the same seed gives the same sequence on every machine. */
export class Random {
  readonly #state: Uint32Array;

  constructor(seed: number | bigint) {
    const digest = createHash("sha256").update(`random:${BigInt(seed)}`).digest();
    this.#state = Uint32Array.from([0, 4, 8, 12], (at) => digest.readUInt32LE(at));
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1;
  }

  /** 32 random bits. Source: xoshiro128**, Blackman and Vigna, "Scrambled linear pseudorandom number generators". */
  #bits(): number {
    const s = this.#state;
    const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = s;
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
    const c = s2 ^ s0;
    const d = s3 ^ s1;
    s[1] = s1 ^ c;
    s[0] = s0 ^ d;
    s[2] = c ^ (s1 << 9);
    s[3] = rotateLeft(d, 11);
    return result;
  }

  /** A number in [0, 1) with 53 random bits. */
  next(): number {
    return ((this.#bits() >>> 5) * 67108864 + (this.#bits() >>> 6)) / 9007199254740992;
  }

  /** An integer in [0, limit). @throws {RangeError} unless `limit` is a positive integer */
  integer(limit: number): number {
    if (!Number.isSafeInteger(limit) || limit < 1) {
      throw new RangeError(`limit must be a positive integer, not ${limit}`);
    }
    return Math.floor(this.next() * limit);
  }

  /** A draw from the standard normal distribution (Box and Muller). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    return radius * Math.cos(2 * Math.PI * this.next());
  }

  /** A copy of `items` in random order (Fisher and Yates). */
  shuffle<T>(items: readonly T[]): T[] {
    const keyed = [...items];
    for (let i = keyed.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const [a, b] = [keyed[i] as T, keyed[j] as T];
      keyed[i] = b;
      keyed[j] = a;
    }
    return keyed;
  }
}

/** A generator of its own for one draw: `random(seedFor(seed, "shuffle", epoch))`. */
export function random(seed: number | bigint): Random {
  return new Random(seed);
}

function rotateLeft(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
