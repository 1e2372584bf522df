/**
 * The Unigram language model of a SentencePiece tokenizer: cuts a word into the pieces whose log probabilities add up to
 * the most.
 *
 * Positions are UTF-16 code units. Pieces and words hold no lone surrogates, so a piece never ends inside a pair.
 * Source: huggingface/tokenizers tokenizers/src/models/unigram/model.rs, Unigram::encode_optimized and tokenize
 */
import { WeightsError } from "../base/mod.ts";
import { PieceTrie } from "./tokenizer_trie.ts";

/** A piece and its log probability; its place in the vocabulary is its id. */
export type Piece = readonly [text: string, score: number];

// What an unknown character costs more than the least likely piece: SentencePiece's constant.
const UNKNOWN_PENALTY = 10;

/** A vocabulary with scores, ready to cut words. */
export class Unigram {
  readonly unkId: number;
  readonly size: number;
  readonly #trie: PieceTrie;
  readonly #scores: Float64Array;
  readonly #unkScore: number;
  readonly #byteIds: readonly number[] | undefined;

  /**
   * @param options.unkId the piece that stands for unknown characters
   * @param options.byteFallback write unknown characters as the pieces `<0x00>` to `<0xFF>` of their UTF-8 bytes, where
   * the vocabulary has all of these
   * @throws {WeightsError} if `unkId` is not in the vocabulary
   */
  constructor(pieces: readonly Piece[], options: { unkId: number; byteFallback: boolean }) {
    if (pieces[options.unkId] === undefined) {
      throw new WeightsError(
        `Cannot use the tokenizer: unk_id is ${options.unkId}, but there are ${pieces.length} pieces`,
      );
    }
    this.unkId = options.unkId;
    this.size = pieces.length;
    this.#trie = new PieceTrie();
    this.#scores = new Float64Array(pieces.length);
    let lowest = Infinity;
    for (const [id, [text, score]] of pieces.entries()) {
      this.#trie.add(text, id); // of two equal pieces the later one counts, as in the reference
      this.#scores[id] = score;
      if (score < lowest) lowest = score;
    }
    this.#unkScore = lowest - UNKNOWN_PENALTY;
    this.#byteIds = options.byteFallback ? Array.from({ length: 256 }, (_, byte) => this.#byteId(byte)) : undefined;
  }

  /** The id of a piece, or undefined if the vocabulary lacks it. */
  idOf(piece: string): number | undefined {
    return this.#trie.get(piece);
  }

  /** Appends the ids of a word's pieces to `ids`. */
  encode(word: string, ids: number[]): void {
    const { starts, pieceIds } = this.#bestPath(word);
    // From the end to the beginning; neighbouring unknown characters are one.
    const found: { start: number; end: number; id: number }[] = [];
    for (let end = word.length; end > 0;) {
      const start = starts[end] ?? 0;
      const id = pieceIds[end] ?? this.unkId;
      const next = found.at(-1);
      if (id === this.unkId && next?.id === this.unkId) next.start = start;
      else found.push({ start, end, id });
      end = start;
    }
    for (const { start, end, id } of found.reverse()) {
      if (id === this.unkId) this.#encodeUnknown(word.slice(start, end), ids);
      else ids.push(id);
    }
  }

  /** Per end position: where the best last piece begins and which it is. */
  #bestPath(word: string): { starts: Int32Array; pieceIds: Int32Array } {
    const scores = new Float64Array(word.length + 1);
    const starts = new Int32Array(word.length + 1).fill(-1);
    const pieceIds = new Int32Array(word.length + 1);
    const offer = (start: number, end: number, id: number, score: number): void => {
      const total = score + (scores[start] ?? 0);
      if (starts[end] !== -1 && total <= (scores[end] ?? 0)) return;
      scores[end] = total;
      starts[end] = start;
      pieceIds[end] = id;
    };
    for (let start = 0; start < word.length;) {
      const charEnd = start + ((word.codePointAt(start) ?? 0) > 0xffff ? 2 : 1);
      let charKnown = false;
      for (let end = start, node = this.#trie.root; end < word.length;) {
        node = this.#trie.child(node, word.charCodeAt(end++));
        if (node < 0) break;
        const id = this.#trie.valueAt(node);
        if (id < 0) continue;
        offer(start, end, id, this.#scores[id] ?? 0);
        charKnown ||= end === charEnd;
      }
      if (!charKnown) offer(start, charEnd, this.unkId, this.#unkScore);
      start = charEnd;
    }
    return { starts, pieceIds };
  }

  #encodeUnknown(text: string, ids: number[]): void {
    const id = this.idOf(text);
    if (id !== undefined) {
      ids.push(id);
      return;
    }
    const byteIds = this.#byteIds;
    const bytes = byteIds === undefined
      ? []
      : Array.from(new TextEncoder().encode(text), (byte) => byteIds[byte] ?? -1);
    if (bytes.length > 0 && bytes.every((byte) => byte >= 0)) ids.push(...bytes);
    else ids.push(this.unkId);
  }

  #byteId(byte: number): number {
    return this.idOf(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`) ?? -1;
  }
}
