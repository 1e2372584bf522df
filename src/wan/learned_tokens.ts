/** Learned tokens (textual inversion): words of a prompt with vectors of their own, one or several places long. */
import type { Tokenizer } from "./tokenizer.ts";

/** A learned token and how many vectors it has. */
export interface LearnedToken {
  readonly token: string;
  readonly numVectors: number;
}

/** A tokenizer that knows learned tokens. */
export interface LearnedTokenizer {
  readonly tokenizer: Tokenizer;
  /** The id of the first vector; those of all tokens follow it in their order. */
  readonly firstId: number;
  /** A text with every learned token written out, one word for each of its vectors. */
  expand(text: string): string;
}

/**
 * Adds learned tokens to a tokenizer.
 * @throws {WeightsError} if a token is a word already
 */
export function learnTokens(tokenizer: Tokenizer, tokens: readonly LearnedToken[]): LearnedTokenizer {
  const words = tokens.map(wordsOf);
  const firstId = tokenizer.vocabSize;
  return {
    tokenizer: tokenizer.withAddedTokens(words.flat().map((content, i) => ({ id: firstId + i, content }))),
    firstId,
    expand: (text) => tokens.reduce((all, { token }, i) => all.replaceAll(token, words[i]?.join(" ") ?? token), text),
  };
}

/** `<x>`, `<x>_1`, `<x>_2`. Source: diffusers loaders/textual_inversion.py, maybe_convert_prompt */
function wordsOf({ token, numVectors }: LearnedToken): string[] {
  return Array.from({ length: numVectors }, (_, i) => i === 0 ? token : `${token}_${i}`);
}
