/** How many tokens a caption has, of the 512 that the text encoder reads. */

/** Counts the tokens of a text, its end token included, as the model's tokenizer does. */
export type CountTokens = (text: string) => number;

/** Tokens that the text encoder reads; what follows is cut off. */
export const MAX_TOKENS = 512;

/** Bytes of text to a token. A guess, for a remark only. */
const BYTES_PER_TOKEN = 4;

/**
 * Whether a text is cut off by the text encoder, and by how much in words; undefined if it is not.
 * @param count the model's tokenizer; without it the length is estimated
 */
export function overlong(text: string, count: CountTokens | undefined): string | undefined {
  const numBytes = text.length < MAX_TOKENS / 3 ? text.length : new TextEncoder().encode(text).length;
  if (numBytes + 2 <= MAX_TOKENS) return undefined; // a token is one byte at least; two are the first blank and the end
  if (count === undefined) {
    const about = Math.round(numBytes / BYTES_PER_TOKEN);
    return about <= MAX_TOKENS ? undefined : `about ${about} tokens (${text.length} characters)`;
  }
  const exact = count(text);
  return exact <= MAX_TOKENS ? undefined : `${exact} tokens`;
}
