/**
 * The text encoder where it is trained along, or a new word for it is: captions then go through it in every step, and the
 * gradient comes back from the transformer's text input.
 */
import type { RunConfig } from "../config/mod.ts";
import type { Device, Tensor } from "../torch/mod.ts";
import {
  cleanPrompt,
  encodePrompt,
  type LearnedTokenizer,
  learnTokens,
  type ModelSource,
  TEXT_LENGTH,
  type Umt5Encoder,
} from "../wan/mod.ts";
import { trainAdapters, type TrainedAdapters } from "./methods/adapters.ts";
import { type TrainedWord, trainWord } from "./methods/embedding.ts";
import { textEncoderPlan } from "./methods/text_encoder.ts";

/** The text side of a run. Owns the encoder and what is trained on it. */
export interface TextSide extends Disposable {
  /** What is trained, by name. */
  readonly params: ReadonlyMap<string, Tensor>;
  readonly adapters: TrainedAdapters | undefined;
  readonly word: TrainedWord | undefined;
  /** The rows [n, D] of a caption or prompt as the encoder gives them now, with whatever grad mode is on. */
  encode(caption: string): Tensor;
  /** Tokens of a caption as the encoder gets it, its end token included. */
  countTokens(caption: string): number;
}

/** Whether a config trains something on the text side. */
export function trainsText({ method }: RunConfig): boolean {
  return method.kind === "embedding" || (method.kind !== "full" && method.textEncoder !== undefined);
}

/**
 * Loads the text encoder and makes what is trained on it; undefined if a config trains nothing there.
 * @throws {WeightsError} {ConfigError} as weights, files or settings are wrong
 */
export function openTextSide(
  config: RunConfig,
  { models, device }: { models: ModelSource; device: Device },
): TextSide | undefined {
  if (!trainsText(config)) return undefined;
  const { method, train: { seed } } = config;
  using stack = new DisposableStack();
  const plain = models.loadTokenizer();
  const encoder = stack.use(models.loadTextEncoder({ device }));
  const word = method.kind === "embedding"
    ? stack.use(trainWord(method, { encoder, tokenizer: plain, seed }))
    : undefined;
  const plan = method.kind === "embedding" || method.kind === "full" ? undefined : textEncoderPlan(method, seed);
  const adapters = plan && stack.use(trainAdapters(encoder.linears, plan));
  const learned = learnTokens(plain, word === undefined ? [] : [word]);
  const named = [...adapters?.params ?? []].map(([name, param]) => [`text_encoder.${name}`, param] as const);
  const owned = stack.move();
  return {
    ...{ adapters, word },
    params: new Map([...named, ...word?.params ?? []]),
    encode: (caption) => encodeWith(caption, { encoder, learned, word }),
    countTokens: (caption) => {
      return Math.min(TEXT_LENGTH, learned.tokenizer.encode(cleanPrompt(learned.expand(caption))).length);
    },
    [Symbol.dispose]: () => owned.dispose(),
  };
}

function encodeWith(
  caption: string,
  { encoder, learned, word }: { encoder: Umt5Encoder; learned: LearnedTokenizer; word: TrainedWord | undefined },
): Tensor {
  const { tokenizer, firstId, expand } = learned;
  const extra = word === undefined ? {} : { extraEmbeddings: { firstId, vectors: word.vectors } };
  return encodePrompt(expand(caption), { tokenizer, encoder, ...extra });
}
