/** A new word for the frozen text encoder: vectors in its input space. Source: arXiv:2208.01618 (textual inversion). */
import { ConfigError, seedFor, WeightsError } from "../../base/mod.ts";
import type { MethodConfig } from "../../config/mod.ts";
import { Generator, noGrad, randn, type Tensor, tensor, tidy, unscoped } from "../../torch/mod.ts";
import { type Tokenizer, tokensIn, type Umt5Encoder } from "../../wan/mod.ts";
import { readEmbedding } from "../../weights/mod.ts";

/** A word in training. Owns its vectors. */
export interface TrainedWord extends Disposable {
  readonly token: string;
  readonly numVectors: number;
  /** [n, C] float32 */
  readonly vectors: Tensor;
  /** The vectors by name, `embedding.<token>`. */
  readonly params: ReadonlyMap<string, Tensor>;
  /** @throws {ConfigError} if no caption has the word: then there would be nothing to learn it from */
  checkCaptions(items: Iterable<{ readonly captions: readonly string[] }>): void;
}

/**
 * A word as it is before the first step: from a file, at the vectors of known words, or at random with their spread.
 * @throws {WeightsError} if the file to start from is no embedding or is for another encoder
 */
export function trainWord(
  method: Extract<MethodConfig, { kind: "embedding" }>,
  options: { encoder: Umt5Encoder; tokenizer: Tokenizer; seed: number },
): TrainedWord {
  const { token } = method;
  const vectors = unscoped(() =>
    noGrad(() =>
      tidy(() =>
        startingVectors(method, options).to({ dtype: "float32", device: tableOf(options.encoder).device, copy: true })
      )
    )
  );
  vectors.setRequiresGrad(true);
  return {
    ...{ token, vectors },
    numVectors: vectors.size(0),
    params: new Map([[`embedding.${token}`, vectors]]),
    checkCaptions: (items) => {
      for (const { captions } of items) if (captions.some((caption) => tokensIn(caption, [token]).size > 0)) return;
      throw new ConfigError(`Cannot train the embedding ${token}: no caption has the word.`, {
        cure: `write ${token} into the captions, or put it in front of all: data.triggerWord = "${token}"`,
      });
    },
    [Symbol.dispose]: () => vectors[Symbol.dispose](),
  };
}

function startingVectors(
  { vectors, initWord, init }: Extract<MethodConfig, { kind: "embedding" }>,
  { encoder, tokenizer, seed }: { encoder: Umt5Encoder; tokenizer: Tokenizer; seed: number },
): Tensor {
  const { width } = encoder.config;
  if (init !== undefined) {
    using file = readEmbedding(init, { width });
    return file.vectors.clone();
  }
  const table = tableOf(encoder);
  if (initWord === undefined) {
    using generator = Generator.seeded(seedFor(seed, "embedding"));
    return randn([vectors, width], { generator }).mul(rootMeanSquare(table));
  }
  const ids = tokenizer.encode(initWord).filter((id) => id !== tokenizer.eosId);
  // A word in several pieces gives them in turn, as often as it takes.
  const rows = Array.from({ length: vectors }, (_, i) => ids[i % ids.length] ?? tokenizer.unkId);
  return table.indexSelect(0, tensor(rows, { dtype: "int64", device: table.device }));
}

/** Rows of a table that are looked at together. */
const ROWS = 4096;

/** The root of the mean square of a table, a few rows at a time: in float32 the published one takes 4 GB. */
function rootMeanSquare(table: Tensor): number {
  let squares = 0;
  for (let start = 0; start < table.size(0); start += ROWS) {
    const length = Math.min(ROWS, table.size(0) - start);
    squares += tidy(() => table.narrow(0, start, length).float().square().sum().item());
  }
  return Math.sqrt(squares / table.numel);
}

/** The encoder's own vectors [vocabulary, C]. */
function tableOf(encoder: Umt5Encoder): Tensor {
  const table = encoder.params.get("shared.weight") ?? encoder.params.get("encoder.embed_tokens.weight");
  if (table === undefined) throw new WeightsError("the text encoder has no table of vectors");
  return table;
}
