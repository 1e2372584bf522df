/**
 * Added tokens: words of the text that are one id each, whatever the model would make of them, such as `</s>`, a
 * sentinel, or the token of a learned embedding.
 * Source: huggingface/tokenizers tokenizers/src/tokenizer/added_vocabulary.rs, extract_and_normalize and find_matches
 */
import type { Normalizer } from "./tokenizer_normalize.ts";
import type { Stretch } from "./tokenizer_words.ts";

/** An added token as `tokenizer.json` states it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Only where no word character stands beside it. */
  readonly single_word: boolean;
  /** Takes the white space before it, or after it, along. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Sought in the normalized text rather than in the raw one. */
  readonly normalized: boolean;
  /** Only where no letter stands beside it, see `isWord`. Ours: tokenizer files do not know it. */
  readonly whole?: boolean;
}

/** Text still to be cut, or the id of an added token. */
export type TextOrId = Stretch | { readonly id: number };

// A word character of Rust's regular expressions. Tested on one character at a time: with `$` behind the class, the V8
// of Deno 2.7.11 misses characters beyond U+FFFF.
const WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;

// A letter, digit or underscore, but for scripts that put no space between words: there it says nothing.
const LETTER = String
  .raw`[[\p{L}\p{M}\p{N}_]--[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Thai}\p{scx=Laoo}\p{scx=Khmr}\p{scx=Mymr}]]`;
const IS_LETTER = new RegExp(LETTER, "v");

/** Whether a token is a word, and so no part of a longer one: it begins and ends with a letter, as `cat`, not `<cat>`. */
export function isWord(token: string): boolean {
  const letters = Array.from(token);
  return [letters.at(0), letters.at(-1)].every((letter = "") => IS_LETTER.test(letter));
}

/**
 * A regular expression, for the flag `v`, that finds a token.
 * @param options.whole only where no letter stands beside it
 */
export function tokenPattern(token: string, { whole = false }: { whole?: boolean | undefined }): string {
  const pattern = escapeRegex(token);
  return whole ? `(?<!${LETTER})${pattern}(?!${LETTER})` : pattern;
}

/** Finds the added tokens in a text and normalizes the rest. */
export class AddedTokens {
  readonly #normalize: Normalizer;
  readonly #raw: TokenFinder;
  readonly #normalized: TokenFinder;

  constructor(tokens: readonly AddedToken[], normalize: Normalizer) {
    this.#normalize = normalize;
    this.#raw = new TokenFinder(tokens.filter((token) => !token.normalized).map((token) => [token.content, token]));
    this.#normalized = new TokenFinder(
      tokens.filter((token) => token.normalized).map((token) => [normalize(token.content), token]),
    );
  }

  /** The text's added tokens and, between them, normalized text. */
  split(text: string): TextOrId[] {
    const parts = this.#raw.split({ text, first: true });
    return parts.flatMap((part) => {
      return "id" in part ? [part] : this.#normalized.split({ ...part, text: this.#normalize(part.text) });
    });
  }
}

/** Seeks the leftmost and, of those, longest token, again and again. */
class TokenFinder {
  readonly #tokens: ReadonlyMap<string, AddedToken>;
  readonly #pattern: RegExp | undefined;

  constructor(tokens: readonly (readonly [pattern: string, token: AddedToken])[]) {
    this.#tokens = new Map(tokens.filter(([pattern]) => pattern !== ""));
    const longestFirst = [...this.#tokens].sort(([a], [b]) => b.length - a.length);
    const patterns = longestFirst.map(([text, token]) => tokenPattern(text, token));
    this.#pattern = patterns.length === 0 ? undefined : new RegExp(patterns.join("|"), "gv");
  }

  split({ text, first }: Stretch): TextOrId[] {
    const parts: TextOrId[] = [];
    let done = 0;
    const pushText = (end: number): void => {
      if (done < end) parts.push({ text: text.slice(done, end), first: first && done === 0 });
    };
    for (const match of this.#pattern === undefined ? [] : text.matchAll(this.#pattern)) {
      const token = this.#tokens.get(match[0]);
      const before = text.slice(0, match.index);
      const after = text.slice(match.index + match[0].length);
      if (token === undefined || (token.single_word && touchesWord(before, after))) continue;
      const stripped = token.lstrip ? before.replace(/\p{White_Space}+$/u, "") : before;
      pushText(stripped.length);
      parts.push({ id: token.id });
      const follows = token.rstrip ? after.replace(/^\p{White_Space}+/u, "") : after;
      done = text.length - follows.length;
    }
    pushText(text.length);
    return parts;
  }
}

/** Whether the last character before, or the first one after, belongs to a word. */
function touchesWord(before: string, after: string): boolean {
  const last = Array.from(before.slice(-2)).at(-1) ?? "";
  const [next = ""] = after.slice(0, 2);
  return WORD.test(last) || WORD.test(next);
}

function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
