/** Learned tokens (textual inversion): files that give words of a prompt vectors of their own. */
import { ConfigError } from "../../base/mod.ts";
import { cat, type Tensor, tidy } from "../../torch/mod.ts";
import type { ExtraEmbeddings, Tokenizer } from "../../wan/mod.ts";
import { type EmbeddingFile, readEmbedding } from "../../weights/mod.ts";

/** A tokenizer that knows learned tokens. Owns their vectors. */
export interface LearnedTokens extends Disposable {
  readonly tokenizer: Tokenizer;
  /** Undefined where there are none. */
  readonly extraEmbeddings: ExtraEmbeddings | undefined;
  /** A text with every learned token written out, one word for each of its vectors. */
  expand(text: string): string;
}

/**
 * Adds the tokens of embedding files to a tokenizer.
 * @param options.width of the text encoder's embeddings
 * @param options.prompts each token must be in one of them
 * @throws {WeightsError} if a file is no embedding or for another encoder, or its token is a word already
 * @throws {ConfigError} if no prompt has the token
 */
export function learnTokens(
  tokenizer: Tokenizer,
  options: { paths: readonly string[]; width: number; prompts: readonly string[] },
): LearnedTokens {
  const { paths, width, prompts } = options;
  using opened = new DisposableStack();
  const files = paths.map((path) => opened.use(readEmbedding(path, { width })));
  files.forEach(({ token }, i) => {
    if (prompts.some((prompt) => prompt.includes(token))) return;
    throw new ConfigError(`Cannot use the embedding ${paths[i]}: no prompt has its token ${token}`, {
      cure: `write ${token} where it is meant`,
    });
  });
  const words = files.map(wordsOf);
  const firstId = tokenizer.vocabSize;
  const vectors: Tensor | undefined = files.length === 0
    ? undefined
    : tidy(() => cat(files.map((file) => file.vectors.float()), 0));
  return {
    tokenizer: tokenizer.withAddedTokens(words.flat().map((content, i) => ({ id: firstId + i, content }))),
    extraEmbeddings: vectors && { firstId, vectors },
    expand: (text) => files.reduce((all, { token }, i) => all.replaceAll(token, words[i]?.join(" ") ?? token), text),
    [Symbol.dispose]: () => vectors?.[Symbol.dispose](),
  };
}

/** `<x>`, `<x>_1`, `<x>_2`. Source: diffusers loaders/textual_inversion.py, maybe_convert_prompt */
function wordsOf({ token, vectors }: EmbeddingFile): string[] {
  return Array.from({ length: vectors.size(0) }, (_, i) => i === 0 ? token : `${token}_${i}`);
}
