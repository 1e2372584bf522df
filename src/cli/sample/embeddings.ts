/** Learned tokens (textual inversion): files that give words of a prompt vectors of their own. */
import { ConfigError } from "../../base/mod.ts";
import { cat, type Tensor, tidy } from "../../torch/mod.ts";
import { type ExtraEmbeddings, type LearnedTokenizer, learnTokens, type Tokenizer, tokensIn } from "../../wan/mod.ts";
import { readEmbedding } from "../../weights/mod.ts";

/** Learned tokens and their vectors, which it owns. */
export interface LearnedTokens extends LearnedTokenizer, Disposable {
  /** Undefined where there are none. */
  readonly extraEmbeddings: ExtraEmbeddings | undefined;
}

/**
 * Adds the tokens of embedding files to a tokenizer.
 * @param options.width of the text encoder's embeddings
 * @param options.prompts each token must be in one of them
 * @throws {WeightsError} if a file is no embedding or for another encoder, or its token is a word already
 * @throws {ConfigError} if no prompt has the token
 */
export function readLearnedTokens(
  tokenizer: Tokenizer,
  options: { paths: readonly string[]; width: number; prompts: readonly string[] },
): LearnedTokens {
  const { paths, width, prompts } = options;
  using opened = new DisposableStack();
  const files = paths.map((path) => opened.use(readEmbedding(path, { width })));
  const used = tokensIn(prompts.join("\n"), files.map(({ token }) => token));
  files.forEach(({ token }, i) => {
    if (used.has(token)) return;
    throw new ConfigError(`Cannot use the embedding ${paths[i]}: no prompt has its token ${token}`, {
      cure: `write ${token} where it is meant`,
    });
  });
  const learned = learnTokens(tokenizer, files.map((file) => ({ ...file, numVectors: file.vectors.size(0) })));
  const vectors: Tensor | undefined = files.length === 0
    ? undefined
    : tidy(() => cat(files.map((file) => file.vectors.float()), 0));
  return {
    ...learned,
    extraEmbeddings: vectors && { firstId: learned.firstId, vectors },
    [Symbol.dispose]: () => vectors?.[Symbol.dispose](),
  };
}
