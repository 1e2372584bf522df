/**
 * Finds hashes that differ in few bits without comparing each with each. Hashes are cut into pieces; of two that differ in at
 * most `d` bits over `n` pieces, one piece differs in at most `d / n` bits, so only those are compared whose piece is the
 * same but for that many bits.
 */

const DIGIT_BITS = 4;

/** Hashes of one length, in hex digits, that can be asked for their neighbours. */
export class HashIndex {
  readonly #numPieces: number;
  readonly #pieceDigits: number;
  readonly #most: number;
  /** Bits that may differ within a piece, as masks. */
  readonly #masks: readonly number[];
  /** For each piece and value one more than the last hash with it; pages that no hash falls on take no memory. */
  readonly #last: Uint32Array;
  /** Piece by piece of each hash, the one before it with the same value, likewise counted from one. */
  #before = new Uint32Array(0);
  #pieces = new Uint32Array(0);
  #size = 0;

  /**
   * @param numDigits length of a hash, a multiple of four
   * @param most bits that may differ in all
   */
  constructor(numDigits: number, most: number) {
    this.#pieceDigits = numDigits % 5 === 0 ? 5 : 4; // 20 bits leave few to compare among 100,000
    this.#numPieces = numDigits / this.#pieceDigits;
    this.#most = most;
    const pieceBits = this.#pieceDigits * DIGIT_BITS;
    this.#masks = masksUpTo(Math.floor(most / this.#numPieces), pieceBits);
    this.#last = new Uint32Array(this.#numPieces << pieceBits);
  }

  /** Adds a hash; its number is how many were added before. */
  add(hash: string): void {
    const from = this.#size * this.#numPieces;
    if (from === this.#pieces.length) {
      this.#pieces = grown(this.#pieces, this.#numPieces);
      this.#before = grown(this.#before, this.#numPieces);
    }
    this.#size++;
    this.#piecesOf(hash).forEach((value, piece) => {
      const slot = this.#slot(piece, value);
      this.#pieces[from + piece] = value;
      this.#before[from + piece] = this.#last[slot] ?? 0;
      this.#last[slot] = this.#size;
    });
  }

  /**
   * The number of a hash that differs in few enough bits: the one added first of those that are accepted; undefined if
   * there is none.
   */
  find(hash: string, accept: (number: number) => boolean = () => true): number | undefined {
    const pieces = this.#piecesOf(hash);
    let found: number | undefined;
    for (let piece = 0; piece < this.#numPieces; piece++) {
      for (const mask of this.#masks) {
        let next = this.#last[this.#slot(piece, (pieces[piece] ?? 0) ^ mask)] ?? 0;
        for (; next > 0; next = this.#before[(next - 1) * this.#numPieces + piece] ?? 0) {
          if (found !== undefined && next - 1 >= found) continue;
          if (this.#isNear(pieces, next - 1) && accept(next - 1)) found = next - 1;
        }
      }
    }
    return found;
  }

  #slot(piece: number, value: number): number {
    return (piece << (this.#pieceDigits * DIGIT_BITS)) + value;
  }

  #piecesOf(hash: string): number[] {
    const size = this.#pieceDigits;
    return Array.from({ length: this.#numPieces }, (_, at) => parseInt(hash.slice(at * size, (at + 1) * size), 16));
  }

  #isNear(pieces: readonly number[], number: number): boolean {
    let bits = 0;
    for (let piece = 0; piece < this.#numPieces && bits <= this.#most; piece++) {
      bits += countBits((pieces[piece] ?? 0) ^ (this.#pieces[number * this.#numPieces + piece] ?? 0));
    }
    return bits <= this.#most;
  }
}

function grown(array: Uint32Array<ArrayBuffer>, least: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(Math.max(64 * least, 2 * array.length));
  larger.set(array);
  return larger;
}

function masksUpTo(numBits: number, pieceBits: number): number[] {
  const masks = new Set([0]);
  for (let round = 0; round < numBits; round++) {
    for (const mask of [...masks]) for (let bit = 0; bit < pieceBits; bit++) masks.add(mask | (1 << bit));
  }
  return [...masks];
}

/** How many bits of a word of 32 are set: in pairs, then in fours, then in eights. */
export function countBits(word: number): number {
  let counts = word - ((word >>> 1) & 0x55555555);
  counts = (counts & 0x33333333) + ((counts >>> 2) & 0x33333333);
  counts = (counts + (counts >>> 4)) & 0x0f0f0f0f;
  return Math.imul(counts, 0x01010101) >>> 24;
}
