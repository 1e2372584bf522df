/** From a prompt to the rows that the transformer attends to. */
import { dims, pad, type Tensor, tidy } from "../torch/mod.ts";
import { cleanPrompt } from "./prompt_clean.ts";
import type { Tokenizer } from "./tokenizer.ts";
import type { ExtraEmbeddings, Umt5Encoder } from "./umt5.ts";

/** Tokens, and so rows, that a WAN transformer was trained with. */
export const TEXT_LENGTH = 512;

/**
 * Cleans, tokenises and encodes a prompt.
 * @param options.maxLength tokens that a longer prompt is cut to, its end token kept; 512 unless said otherwise
 * @returns [n, C] with a row for each token, the end token included: an empty prompt is one row
 */
export function encodePrompt(
  prompt: string,
  options: { tokenizer: Tokenizer; encoder: Umt5Encoder; maxLength?: number; extraEmbeddings?: ExtraEmbeddings },
): Tensor {
  const { tokenizer, encoder, maxLength = TEXT_LENGTH, extraEmbeddings } = options;
  const { inputIds, attentionMask } = tokenizer.encodePadded(cleanPrompt(prompt), maxLength);
  // Padding is masked exactly, so the prompt alone gives the same rows for less work.
  const ids = inputIds.slice(0, attentionMask.filter((flag) => flag === 1).length);
  return tidy(() => encoder.encode([ids], extraEmbeddings === undefined ? {} : { extraEmbeddings }).select(0, 0));
}

/**
 * Completes a prompt's rows with zeros. The transformer attends to those too: its weights depend on them.
 * @param rows [n, C]
 * @returns [length, C]
 * @throws {RangeError} if there are more rows than that
 */
export function padPrompt(rows: Tensor, length = TEXT_LENGTH): Tensor {
  const { n } = dims(rows, "n C");
  if (n > length) throw new RangeError(`${n} rows do not fit a text length of ${length}`);
  if (n === length) return rows.alias();
  return pad(rows, [0, 0, 0, length - n]);
}
