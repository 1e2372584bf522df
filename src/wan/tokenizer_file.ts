/**
 * Reads `tokenizer.json`, the file of the tokenizers library, as far as Unigram models go. What it states and we do not
 * know is refused: a tokenizer that ignores a step gives other ids, and nothing further on would notice.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { messageOf, WeightsError } from "../base/mod.ts";
import { readTensorBytes } from "../weights/mod.ts";
import { spieceJson } from "./spiece.ts";
import type { AddedToken } from "./tokenizer_added.ts";
import { type Normalizer, readNormalizer } from "./tokenizer_normalize.ts";
import { readPart } from "./tokenizer_read.ts";
import { readWordSplitter, type WordSplitter } from "./tokenizer_words.ts";
import { type Piece, Unigram } from "./unigram.ts";

/** A tokenizer's parts, in the order in which text goes through them. */
export interface TokenizerParts {
  readonly addedTokens: readonly AddedToken[];
  readonly normalize: Normalizer;
  readonly splitWords: WordSplitter;
  readonly model: Unigram;
  /** The ids that every text begins and ends with; the last one ends the text. */
  readonly prefix: readonly number[];
  readonly suffix: readonly number[];
  readonly padId: number;
}

const PAD_TOKEN = "<pad>";

const TokenizerFile = z.object({
  added_tokens: z.array(z.object({
    id: z.int().nonnegative(),
    content: z.string(),
    single_word: z.boolean(),
    lstrip: z.boolean(),
    rstrip: z.boolean(),
    normalized: z.boolean(),
  })).default([]),
  normalizer: z.unknown(),
  pre_tokenizer: z.unknown(),
  post_processor: z.unknown(),
  padding: z.object({ pad_id: z.int().nonnegative() }).nullish(),
  model: z.object({
    type: z.literal("Unigram"),
    unk_id: z.int().nonnegative(),
    byte_fallback: z.boolean().default(false),
    vocab: z.unknown(),
  }),
});

const Template = z.object({
  type: z.literal("TemplateProcessing", "only a template that appends </s> is supported"),
  single: z.array(z.union([
    z.object({ Sequence: z.object({ id: z.literal("A") }) }),
    z.object({ SpecialToken: z.object({ id: z.string() }) }),
  ])),
  special_tokens: z.record(z.string(), z.object({ ids: z.array(z.int().nonnegative()) })),
});

/**
 * The tensor in which ComfyUI's text encoder files carry the bytes of their tokenizer; it knows no other.
 * Source: ComfyUI comfy/sd.py, load_text_encoder_state_dicts; comfy/text_encoders/spiece_tokenizer.py
 */
export const CARRIED = "spiece_model";

/** Whether a file of weights carries a tokenizer. @throws {WeightsError} if it is damaged */
export function carriesTokenizer(path: string): boolean {
  return isCarrier(path) && existsSync(path) && readTensorBytes(path, CARRIED) !== undefined;
}

/**
 * @param path a `tokenizer.json` or a folder that holds it, a `spiece.model`, or a text encoder's file that carries one
 * @throws {WeightsError} if the file cannot be read or states something that is not supported
 */
export function readTokenizerFile(path: string): TokenizerParts {
  const json = readPart(TokenizerFile, readJson(path), "tokenizer.json");
  const model = new Unigram(readVocab(json.model.vocab), {
    unkId: json.model.unk_id,
    byteFallback: json.model.byte_fallback,
  });
  // The vocabulary's id counts for a token that it also has, as in the reference.
  const addedTokens = json.added_tokens.map((token) => ({ ...token, id: model.idOf(token.content) ?? token.id }));
  const padId = json.padding?.pad_id ?? addedTokens.find((token) => token.content === PAD_TOKEN)?.id ??
    model.idOf(PAD_TOKEN);
  if (padId === undefined) {
    throw new WeightsError(`Cannot use the tokenizer: there is no "${PAD_TOKEN}" among its ${model.size} pieces`);
  }
  return {
    addedTokens,
    normalize: readNormalizer(json.normalizer),
    splitWords: readWordSplitter(json.pre_tokenizer),
    model,
    ...readTemplate(json.post_processor),
    padId,
  };
}

/**
 * A tokenizer as the text of a `tokenizer.json`, from wherever `readTokenizerFile` reads it.
 * @throws {WeightsError} if it cannot be read
 */
export function tokenizerText(path: string): string {
  try {
    if (isCarrier(path)) return JSON.stringify(spieceJson(carriedIn(path)));
    if (path.endsWith(".model")) return JSON.stringify(spieceJson(readFileSync(path)));
    return readFileSync(fileAt(path), "utf8");
  } catch (cause) {
    if (cause instanceof WeightsError) throw cause;
    throw unreadable(path, cause);
  }
}

/**
 * A tokenizer as the bytes of a `spiece.model`: those that a file carries, or that lie beside a `tokenizer.json`.
 * @returns undefined where there are none
 * @throws {WeightsError} if they are no SentencePiece model
 */
export function spieceBytes(path: string): Uint8Array | undefined {
  const file = path.endsWith(".model") ? path : join(dirname(fileAt(path)), "spiece.model");
  const bytes = isCarrier(path) ? carriedIn(path) : existsSync(file) ? readFileSync(file) : undefined;
  if (bytes !== undefined) spieceJson(bytes); // a file that git-lfs left empty, say, is told here and not by another program
  return bytes;
}

function readJson(path: string): unknown {
  const text = tokenizerText(path);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** The file that a path names, or that its folder holds. */
function fileAt(path: string): string {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  return isFolder ? join(path, "tokenizer.json") : path;
}

function unreadable(path: string, cause: unknown): WeightsError {
  return new WeightsError(`Cannot read the tokenizer from ${fileAt(path)}: ${messageOf(cause)}`, {
    cure: "name the model's tokenizer folder, or fetch the model again",
    cause,
  });
}

function isCarrier(path: string): boolean {
  return path.endsWith(".safetensors");
}

function carriedIn(path: string): Uint8Array {
  const bytes = readTensorBytes(path, CARRIED);
  if (bytes !== undefined) return bytes;
  throw new WeightsError(`Cannot read the tokenizer from ${path}: the file carries none`, {
    cure: "name a tokenizer.json, or a text encoder's file for ComfyUI, which carries one",
  });
}

/** By hand rather than by schema: it may hold 256,000 pieces. */
function readVocab(json: unknown): Piece[] {
  if (!Array.isArray(json)) throw new WeightsError("Cannot read the tokenizer: model.vocab is not a list of pieces");
  return json.map((piece: unknown, id) => {
    const [text, score]: readonly unknown[] = Array.isArray(piece) ? piece : [];
    if (typeof text === "string" && typeof score === "number") return [text, score];
    throw new WeightsError(`Cannot read the tokenizer: model.vocab[${id}] is not a piece with its score`, {
      cure: "fetch the tokenizer again",
    });
  });
}

function readTemplate(json: unknown): { prefix: number[]; suffix: number[] } {
  const { single, special_tokens } = readPart(Template, json, "post_processor");
  const sides: { prefix: number[]; suffix: number[] } = { prefix: [], suffix: [] };
  let numTexts = 0;
  for (const item of single) {
    if ("Sequence" in item) numTexts++;
    else (numTexts === 0 ? sides.prefix : sides.suffix).push(...special_tokens[item.SpecialToken.id]?.ids ?? []);
  }
  if (numTexts !== 1 || sides.suffix.length === 0) {
    throw new WeightsError("Cannot use the tokenizer: its post_processor does not put an end token after the text");
  }
  return sides;
}
