/** Learned tokens (textual inversion): words of a prompt with vectors of their own, one or several places long. */
import { ConfigError } from "../base/mod.ts";
import { cleanPrompt } from "./prompt_clean.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { isWord, tokenPattern } from "./tokenizer_added.ts";

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

/** Refuses a token that no prompt has once it is cleaned. @throws {ConfigError} */
export function checkToken(token: string): void {
  const cleaned = cleanPrompt(token);
  if (cleaned === token) return;
  throw new ConfigError(`Cannot use the token ${token}: prompts are cleaned, and then have ${cleaned} in its place.`, {
    cure: `take another word, such as ${/^\S+$/.test(cleaned) ? cleaned : "<my-word>"}`,
  });
}

/**
 * Adds learned tokens to a tokenizer.
 * @throws {WeightsError} if a token is a word already
 * @throws {ConfigError} if cleaning a prompt changes a token
 */
export function learnTokens(tokenizer: Tokenizer, tokens: readonly LearnedToken[]): LearnedTokenizer {
  for (const { token } of tokens) checkToken(token);
  const words = new Map(tokens.map((token) => [token.token, wordsOf(token)]));
  const firstId = tokenizer.vocabSize;
  const contents = tokens.flatMap((token) =>
    wordsOf(token).map((content) => ({ content, whole: isWord(token.token) }))
  );
  const known = tokenizer.withAddedTokens(contents.map((content, i) => ({ id: firstId + i, ...content })));
  const pattern = patternOf([...words.keys()]);
  return {
    tokenizer: known,
    firstId,
    expand: (text) => text.replaceAll(pattern, (token) => words.get(token)?.join(" ") ?? token),
  };
}

/** The tokens that a text has, of several that begin at a place the longest; a word is not found inside another one. */
export function tokensIn(text: string, tokens: readonly string[]): Set<string> {
  return new Set(Array.from(text.matchAll(patternOf(tokens)), ([token]) => token));
}

function patternOf(tokens: readonly string[]): RegExp {
  const longestFirst = [...tokens].sort((a, b) => b.length - a.length);
  return longestFirst.length === 0
    ? /(?!)/g
    : new RegExp(longestFirst.map((token) => tokenPattern(token, { whole: isWord(token) })).join("|"), "gv");
}

/** `<x>`, `<x>_1`, `<x>_2`. Source: diffusers loaders/textual_inversion.py, maybe_convert_prompt */
function wordsOf({ token, numVectors }: LearnedToken): string[] {
  return Array.from({ length: numVectors }, (_, i) => i === 0 ? token : `${token}_${i}`);
}
