/**
 * The tokenizer of WAN's text encoder (UMT5): text to ids, exactly as the tokenizers library makes them from the model's
 * `tokenizer.json`. Vocabulary, special ids and every step come from that file.
 */
import { WeightsError } from "../base/mod.ts";
import { AddedTokens } from "./tokenizer_added.ts";
import { readTokenizerFile, type TokenizerParts } from "./tokenizer_file.ts";

/** Ids cut or padded to one length. */
export interface PaddedIds {
  readonly inputIds: number[];
  /** 1 where `inputIds` are of the text (its end token included), 0 where they are padding. */
  readonly attentionMask: number[];
}

/** Text to ids. */
export class Tokenizer {
  /** One more than the highest id. */
  readonly vocabSize: number;
  readonly padId: number;
  readonly eosId: number;
  readonly unkId: number;
  readonly #parts: TokenizerParts;
  readonly #added: AddedTokens;

  private constructor(parts: TokenizerParts) {
    this.#parts = parts;
    this.#added = new AddedTokens(parts.addedTokens, parts.normalize);
    this.vocabSize = parts.addedTokens.reduce((size, { id }) => Math.max(size, id + 1), parts.model.size);
    this.padId = parts.padId;
    this.eosId = parts.suffix.at(-1) ?? parts.padId;
    this.unkId = parts.model.unkId;
  }

  /**
   * Reads a tokenizer.
   * @param path a `tokenizer.json`, or the folder that holds it
   * @throws {WeightsError} if it cannot be read, is no Unigram tokenizer, or has a step that is not supported
   */
  static fromFile(path: string): Tokenizer {
    return new Tokenizer(readTokenizerFile(path));
  }

  /** The ids of a text, with the end token after them. */
  encode(text: string): number[] {
    const { prefix, suffix } = this.#parts;
    return [...prefix, ...this.#encodeBare(text), ...suffix];
  }

  /**
   * The ids of a text at a fixed length: a longer text loses its end but keeps the end token, a shorter one is padded on
   * the right.
   * @throws {RangeError} if `length` has no room for the end token
   */
  encodePadded(text: string, length: number): PaddedIds {
    const { prefix, suffix } = this.#parts;
    const room = length - prefix.length - suffix.length;
    if (!Number.isInteger(length) || room < 0) {
      throw new RangeError(`A text of ${length} tokens has no room for its end`);
    }
    const ids = [...prefix, ...this.#encodeBare(text).slice(0, room), ...suffix];
    const numPadding = length - ids.length;
    return {
      inputIds: [...ids, ...new Array<number>(numPadding).fill(this.padId)],
      attentionMask: [...ids.map(() => 1), ...new Array<number>(numPadding).fill(0)],
    };
  }

  /**
   * The same tokenizer with further tokens, such as those of learned embeddings. Where two tokens begin at one place the
   * longer one counts; one that is `whole` is not found inside another word.
   * @throws {WeightsError} if a token is empty, or it or its id exists already
   */
  withAddedTokens(
    tokens: readonly { readonly id: number; readonly content: string; readonly whole?: boolean }[],
  ): Tokenizer {
    const addedTokens = [...this.#parts.addedTokens];
    const ids = new Set(addedTokens.map((token) => token.id));
    const contents = new Set(addedTokens.map((token) => token.content));
    for (const { id, content, whole = false } of tokens) {
      const taken = id < this.#parts.model.size || ids.has(id);
      if (content === "" || contents.has(content) || this.#parts.model.idOf(content) !== undefined) {
        throw new WeightsError(
          `Cannot add the token "${content}": it is ${content === "" ? "empty" : "in the vocabulary"}`,
          {
            cure: "choose another token",
          },
        );
      }
      if (taken || !Number.isInteger(id)) {
        throw new WeightsError(`Cannot add the token "${content}": id ${id} is not free`, {
          cure: `take ids from ${this.vocabSize} on`,
        });
      }
      ids.add(id);
      contents.add(content);
      const flags = { single_word: false, lstrip: false, rstrip: false, normalized: true, whole };
      addedTokens.push({ id, content, ...flags });
    }
    return new Tokenizer({ ...this.#parts, addedTokens });
  }

  #encodeBare(text: string): number[] {
    const { model, splitWords } = this.#parts;
    const ids: number[] = [];
    for (const part of this.#added.split(text.toWellFormed())) {
      if ("id" in part) ids.push(part.id);
      else for (const word of splitWords(part)) model.encode(word.text, ids);
    }
    return ids;
  }
}
