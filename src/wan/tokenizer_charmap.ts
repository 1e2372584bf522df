/**
 * SentencePiece's compiled character map: a double-array trie over UTF-8 bytes whose values point into a blob of
 * NUL-terminated replacements.
 *
 * Layout: uint32 (little endian) with the trie's size in bytes, the trie's uint32 units, the blob.
 * Source: google/sentencepiece src/normalizer.cc; huggingface/spm_precompiled src/lib.rs (which tokenizers uses)
 */
import { Buffer } from "node:buffer";
import { WeightsError } from "../base/mod.ts";

// A grapheme (what a reader takes for one character) of up to this many UTF-8 bytes is looked up as a whole first.
const MAX_WHOLE_BYTES = 5;
const MAX_REMEMBERED = 1 << 16;

/** A compiled character map. */
export class Charsmap {
  readonly #trie: Uint32Array;
  readonly #blob: Uint8Array;
  readonly #graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
  readonly #encoder = new TextEncoder();
  readonly #remembered = new Map<string, string>();

  /** @throws {WeightsError} if the base64 text is not a character map */
  constructor(base64: string) {
    const bytes = new Uint8Array(Buffer.from(base64, "base64"));
    const trieBytes = bytes.length < 4 ? Infinity : new DataView(bytes.buffer).getUint32(0, true);
    if (trieBytes % 4 !== 0 || trieBytes > bytes.length - 4) {
      throw new WeightsError(
        `Cannot read precompiled_charsmap: ${bytes.length} bytes do not hold a trie of ${trieBytes} bytes`,
        { cure: "fetch the tokenizer again" },
      );
    }
    const view = new DataView(bytes.buffer, 4, trieBytes);
    this.#trie = Uint32Array.from({ length: trieBytes / 4 }, (_, unit) => view.getUint32(unit * 4, true));
    this.#blob = bytes.subarray(4 + trieBytes);
  }

  /** The text with every grapheme, or else every character, that the map knows replaced. */
  normalize(text: string): string {
    let normalized = "";
    for (const { segment } of this.#graphemes.segment(text)) normalized += this.#grapheme(segment);
    return normalized;
  }

  #grapheme(grapheme: string): string {
    const remembered = this.#remembered.get(grapheme);
    if (remembered !== undefined) return remembered;
    const bytes = this.#encoder.encode(grapheme);
    const whole = bytes.length <= MAX_WHOLE_BYTES ? this.#lookUp(bytes) : undefined;
    const normalized = whole ??
      Array.from(grapheme, (char) => this.#lookUp(this.#encoder.encode(char)) ?? char).join("");
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(grapheme, normalized);
    return normalized;
  }

  /**
   * The replacement of the *shortest* key that the bytes begin with. SentencePiece takes the longest; the tokenizers
   * library takes the shortest and lets it stand for all the bytes, and the published ids are made so.
   */
  #lookUp(bytes: Uint8Array): string | undefined {
    let node = this.#offset(0);
    for (const byte of bytes) {
      if (byte === 0) return undefined;
      node ^= byte;
      const unit = this.#trie[node] ?? 0;
      if ((unit & 0x800000ff) !== byte) return undefined; // a leaf's sign bit makes it no label
      const isKey = (unit & 0x100) !== 0;
      node ^= this.#offset(node);
      if (isKey) return this.#replacement((this.#trie[node] ?? 0) & 0x7fffffff);
    }
    return undefined;
  }

  /** How far (by exclusive or) a unit's children lie: 22 bits, counted in units or in 256 units. */
  #offset(node: number): number {
    const unit = this.#trie[node] ?? 0;
    return (unit >>> 10) << ((unit & 0x200) >>> 6);
  }

  #replacement(start: number): string {
    const end = this.#blob.indexOf(0, start);
    return new TextDecoder().decode(this.#blob.subarray(start, end < 0 ? undefined : end));
  }
}
