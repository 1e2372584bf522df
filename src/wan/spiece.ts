/**
 * A tokenizer as SentencePiece keeps it, `spiece.model`: the form in which ComfyUI's text encoder files carry theirs. It is read
 * into the form of the `tokenizer.json` that is published for UMT5, so that both give the same ids.
 * Source: google/sentencepiece src/sentencepiece_model.proto (fields); transformers convert_slow_tokenizer.py, T5Converter
 */
import { Buffer } from "node:buffer";
import { messageOf, WeightsError } from "../base/mod.ts";

/** A field of a protocol buffer: a number, or bytes. */
type Value = number | Uint8Array;

/** Kinds of pieces that are tokens by themselves and no part of a word. */
const CONTROL = 3, UNKNOWN = 2, USER_DEFINED = 4;
const END = "</s>";

/**
 * The tokenizer in a SentencePiece model, as the JSON of a `tokenizer.json`. Tokens that its trainer reserves beside the
 * vocabulary (`<extra_id_0>`) are not in it, and so are words like any other.
 * @throws {WeightsError} if the bytes are no such model
 */
export function spieceJson(bytes: Uint8Array): unknown {
  try {
    const model = fieldsOf(bytes);
    const pieces = (model.get(1) ?? []).map((piece) => pieceOf(bytesOf(piece)));
    const [normalizer] = (model.get(3) ?? []).map((spec) => fieldsOf(bytesOf(spec)));
    const charsmap = normalizer?.get(2)?.[0];
    const ids = new Map(pieces.map(({ text }, id) => [text, id]));
    const unkId = pieces.findIndex(({ kind }) => kind === UNKNOWN), endId = ids.get(END);
    if (unkId < 0 || endId === undefined) throw new TypeError("it has no unknown piece, or no end token");
    const added = pieces.flatMap(({ text, kind }, id) =>
      kind === CONTROL || kind === UNKNOWN || kind === USER_DEFINED ? [addedToken(text, id)] : []
    );
    const map = charsmap === undefined ? "" : Buffer.from(bytesOf(charsmap)).toString("base64");
    const precompiled = map === "" ? [] : [{ type: "Precompiled", precompiled_charsmap: map }]; // empty: none, as identity
    return {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: added,
      normalizer: {
        type: "Sequence",
        normalizers: [...precompiled, { type: "Replace", pattern: { Regex: " {2,}" }, content: " " }],
      },
      pre_tokenizer: METASPACE,
      post_processor: {
        type: "TemplateProcessing",
        single: ended("A"),
        pair: [...ended("A"), ...ended("B")],
        special_tokens: { [END]: { id: END, ids: [endId], tokens: [END] } },
      },
      decoder: METASPACE,
      model: { type: "Unigram", unk_id: unkId, vocab: pieces.map(({ text, score }) => [text, score]) },
    };
  } catch (cause) {
    throw new WeightsError(`Cannot read the tokenizer: it is no SentencePiece model (${messageOf(cause)})`, {
      cure: "fetch the file again, or name the tokenizer.json of the model",
      cause,
    });
  }
}

const METASPACE = { type: "Metaspace", replacement: "▁", add_prefix_space: true };

/** A text of a template with its end token. */
function ended(id: "A" | "B"): unknown[] {
  return [{ Sequence: { id, type_id: 0 } }, { SpecialToken: { id: END, type_id: 0 } }];
}

function addedToken(content: string, id: number): unknown {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}

function pieceOf(bytes: Uint8Array): { text: string; score: number; kind: number } {
  const fields = fieldsOf(bytes);
  const [text, score, kind = 1] = [1, 2, 3].map((field) => fields.get(field)?.[0]);
  return { text: new TextDecoder().decode(bytesOf(text)), score: numberOf(score ?? 0), kind: numberOf(kind) };
}

function bytesOf(value: Value | undefined): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new TypeError("a field is not what it should be");
}

function numberOf(value: Value): number {
  if (typeof value === "number") return value;
  throw new TypeError("a field is not what it should be");
}

/** The fields of a message by their numbers, in order. @throws {RangeError} if it is cut short */
function fieldsOf(bytes: Uint8Array): Map<number, Value[]> {
  const fields = new Map<number, Value[]>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = (): number => {
    for (let value = 0, factor = 1;; factor *= 128) {
      const byte = view.getUint8(at++);
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      if (factor > 2 ** 56) throw new RangeError("a number is too long");
    }
  };
  const read = (wire: number): Value => {
    switch (wire) {
      case 0:
        return varint();
      case 1:
        at += 8;
        return view.getFloat64(at - 8, true);
      case 2: {
        const length = varint(), end = at + length;
        if (end > bytes.length) throw new RangeError("it is cut short");
        return bytes.subarray(at, at = end);
      }
      case 5:
        at += 4;
        return view.getFloat32(at - 4, true);
      default:
        throw new TypeError("a field has no known form");
    }
  };
  while (at < bytes.length) {
    const tag = varint(), number = Math.floor(tag / 8);
    const values = fields.get(number) ?? [];
    values.push(read(tag % 8));
    fields.set(number, values);
  }
  return fields;
}
