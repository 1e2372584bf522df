import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { WeightsError } from "../../src/base/errors.ts";
import { spieceJson } from "../../src/wan/spiece.ts";
import { Tokenizer } from "../../src/wan/tokenizer.ts";
import { carriesTokenizer, spieceBytes, tokenizerText } from "../../src/wan/tokenizer_file.ts";
import { readNormalizer } from "../../src/wan/tokenizer_normalize.ts";
import { PieceTrie } from "../../src/wan/tokenizer_trie.ts";
import { readWordSplitter } from "../../src/wan/tokenizer_words.ts";
import { Unigram } from "../../src/wan/unigram.ts";
import { readInt64Rows, runTokenizerCase } from "../support/golden_text.ts";
import { goldenDir } from "../support/paths.ts";
import { withFolder } from "../support/tmp.ts";

const CASES = join(goldenDir(), "cases");
const UMT5_LIKE = join(goldenDir(), "checkpoints", "ti2v_5b", "tokenizer");
const BYTE_FALLBACK = join(CASES, "tokenizer_byte_fallback", "tokenizer");
const DEMO = join(import.meta.dirname ?? ".", "..", "..", "presets", "demo", "model", "tokenizer");

const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.array(fc.constantFrom("a", " ", "dog", "▁", "</s>", "<extra_id_0>", "日本", "é", "e\u0301", "\n", "💃🏽"))
    .map((parts) => parts.join("")),
);

/** A tokenizer.json with five pieces, changed by the test. */
function tinyFile(change: (file: Record<string, unknown>) => void = () => {}): string {
  const file: Record<string, unknown> = {
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
    post_processor: {
      type: "TemplateProcessing",
      single: [{ Sequence: { id: "A", type_id: 0 } }, { SpecialToken: { id: "</s>", type_id: 0 } }],
      special_tokens: { "</s>": { id: "</s>", ids: [1], tokens: ["</s>"] } },
    },
    model: {
      type: "Unigram",
      unk_id: 2,
      vocab: [["<pad>", 0], ["</s>", 0], ["<unk>", 0], ["▁a", -1], ["b", -2], ["▁ab", -2.5]],
    },
  };
  change(file);
  return JSON.stringify(file);
}

/** Opens a tokenizer.json with the given text. */
async function openText(text: string): Promise<Tokenizer> {
  return await withFolder((folder) => {
    writeFileSync(join(folder, "tokenizer.json"), text);
    return Tokenizer.fromFile(folder);
  });
}

for (const name of ["tokenizer_current", "tokenizer_old_layout", "tokenizer_byte_fallback"]) {
  Deno.test(`Tokenizer matches the golden ids of ${name}`, () => runTokenizerCase(join(CASES, name)));
}

Deno.test("a spiece.model gives the ids of the tokenizer.json of the published layout", () => {
  const dir = join(CASES, "tokenizer_old_layout");
  const strings: { text: string; ids: number[] }[] = JSON.parse(readFileSync(join(dir, "strings.json"), "utf8"));
  const tokenizer = Tokenizer.fromFile(join(UMT5_LIKE, "spiece.model"));
  const plain = strings.filter(({ text }) => !text.includes("<extra_id_")); // reserved beside the vocabulary
  assert.ok(plain.length > 50);
  for (const { text, ids } of plain) assert.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text));
});

Deno.test("a spiece.model with an empty character map changes no characters", () => {
  const [ours, wanted] = [join(DEMO, "spiece.model"), DEMO].map((path) => Tokenizer.fromFile(path));
  for (const text of ["A cockatoo turns its head.", "  two   spaces, Ünï ﬁ", ""]) {
    assert.deepEqual(ours?.encode(text), wanted?.encode(text), text);
  }
});

Deno.test("the small tokenizer's config has no list where transformers 4 wants a dict", () => {
  const config = JSON.parse(readFileSync(join(DEMO, "tokenizer_config.json"), "utf8"));
  // transformers 4.57 tokenization_utils_base.py, _set_model_specific_special_tokens: list(special_tokens.keys())
  assert.ok(!Array.isArray(config.extra_special_tokens));
});

Deno.test("a text encoder's file gives the tokenizer that it carries; one without says so", () =>
  withFolder((folder) => {
    const bytes = readFileSync(join(UMT5_LIKE, "spiece.model"));
    const write = (name: string, tensor: string): string => {
      const entry = { dtype: "U8", shape: [bytes.length], data_offsets: [0, bytes.length] };
      const header = new TextEncoder().encode(JSON.stringify({ [tensor]: entry }));
      const length = new Uint8Array(new BigUint64Array([BigInt(header.length)]).buffer);
      writeFileSync(join(folder, name), new Uint8Array([...length, ...header, ...bytes]));
      return join(folder, name);
    };
    const [with_, without] = [write("umt5.safetensors", "spiece_model"), write("other.safetensors", "weight")];
    assert.ok(carriesTokenizer(with_) && !carriesTokenizer(without));
    const text = "A dog runs, quickly.";
    assert.deepEqual(Tokenizer.fromFile(with_).encode(text), Tokenizer.fromFile(UMT5_LIKE).encode(text));
    assert.throws(() => Tokenizer.fromFile(without), /the file carries none/);
    for (const place of [with_, UMT5_LIKE, join(UMT5_LIKE, "tokenizer.json"), join(UMT5_LIKE, "spiece.model")]) {
      assert.ok(bytes.equals(spieceBytes(place) ?? new Uint8Array()), place);
    }
    const saved = join(folder, "tokenizer.json");
    writeFileSync(saved, tokenizerText(with_));
    assert.equal(spieceBytes(folder), undefined);
    writeFileSync(join(folder, "spiece.model"), "version https://git-lfs.github.com/spec/v1\n");
    assert.throws(() => spieceBytes(folder), /it is no SentencePiece model/);
    assert.deepEqual(Tokenizer.fromFile(saved).encode(text), Tokenizer.fromFile(UMT5_LIKE).encode(text));
  }));

Deno.test("bytes that are no SentencePiece model are refused, wherever they are cut or changed", () => {
  const bytes = new Uint8Array(readFileSync(join(DEMO, "spiece.model")));
  assert.throws(() => spieceJson(new Uint8Array()), WeightsError);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.boolean(), (at, value, isCut) => {
      const changed = isCut ? bytes.slice(0, at) : bytes.with(at, value);
      try {
        spieceJson(changed);
      } catch (error) {
        assert.ok(error instanceof WeightsError, String(error));
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("Tokenizer.withAddedTokens() matches the golden ids of a learned token", () => {
  const dir = join(CASES, "embedding_token");
  const { token, vectors, prompt, max_sequence_length: length }: {
    token: string;
    vectors: number;
    prompt: string;
    max_sequence_length: number;
  } = JSON.parse(readFileSync(join(dir, "case.json"), "utf8"));
  const plain = Tokenizer.fromFile(UMT5_LIKE);
  const contents = Array.from({ length: vectors }, (_, index) => index === 0 ? token : `${token}_${index}`);
  const tokenizer = plain.withAddedTokens(contents.map((content, index) => ({ id: plain.vocabSize + index, content })));
  const got = tokenizer.encodePadded(prompt.replaceAll(token, contents.join(" ")), length);
  const outputs = join(dir, "outputs.safetensors");
  assert.deepEqual([got.inputIds], readInt64Rows(outputs, "input_ids"));
  assert.deepEqual([got.attentionMask], readInt64Rows(outputs, "attention_mask"));
});

Deno.test("Tokenizer reads its special ids from the file", () => {
  const { padId, eosId, unkId, vocabSize } = Tokenizer.fromFile(join(UMT5_LIKE, "tokenizer.json"));
  assert.deepEqual({ padId, eosId, unkId, vocabSize }, { padId: 0, eosId: 1, unkId: 3, vocabSize: 1420 });
  assert.equal(Tokenizer.fromFile(DEMO).unkId, 2);
});

// tokenizers 0.23.2: Tokenizer.from_file("presets/demo/model/tokenizer/tokenizer.json").encode(text).ids
Deno.test("Tokenizer matches the reference on the demo model's file, which splits at white space first", () => {
  const tokenizer = Tokenizer.fromFile(DEMO);
  const expected: [string, number[]][] = [
    ["A cockatoo walks  towards the camera", [271, 307, 339, 296, 262, 278, 1]],
    ["", [1]],
    ["  \t x", [272, 622, 1]],
    ["naïve ½ 日本", [539, 349, 2, 537, 272, 2, 272, 2, 1]],
    ["a</s>b <unk>", [260, 1, 326, 2, 1]],
  ];
  for (const [text, ids] of expected) assert.deepEqual(tokenizer.encode(text), ids, text);
});

// The same library, after add_tokens(["<x>", "<x>_1"]).
Deno.test("Tokenizer.withAddedTokens() takes the longest token and leaves the old tokenizer as it was", () => {
  const plain = Tokenizer.fromFile(UMT5_LIKE);
  const before = plain.encode("<x> <x>_1 hot<x>dog");
  const tokenizer = plain.withAddedTokens([{ id: 1420, content: "<x>" }, { id: 1421, content: "<x>_1" }]);
  assert.deepEqual(tokenizer.encode("<x> <x>_1 hot<x>dog"), [1420, 304, 1421, 546, 1394, 1393, 1420, 441, 1]);
  assert.equal(tokenizer.vocabSize, 1422);
  assert.deepEqual(plain.encode("<x> <x>_1 hot<x>dog"), before);
});

Deno.test("Tokenizer.withAddedTokens() refuses empty and known tokens and taken ids", () => {
  const tokenizer = Tokenizer.fromFile(UMT5_LIKE);
  for (const content of ["", "</s>", "▁a"]) {
    assert.throws(() => tokenizer.withAddedTokens([{ id: 1500, content }]), WeightsError, content);
  }
  for (const id of [3, 1419, 1420.5, -1]) {
    assert.throws(() => tokenizer.withAddedTokens([{ id, content: "<new>" }]), /is not free/, String(id));
  }
});

Deno.test("Tokenizer.encodePadded() has the given length, keeps the end token and masks the padding", () => {
  const tokenizer = Tokenizer.fromFile(BYTE_FALLBACK);
  fc.assert(fc.property(anyText, fc.integer({ min: 1, max: 40 }), (text, length) => {
    const ids = tokenizer.encode(text);
    const { inputIds, attentionMask } = tokenizer.encodePadded(text, length);
    const numKept = Math.min(ids.length, length);
    assert.equal(inputIds.length, length);
    assert.deepEqual(inputIds.slice(0, numKept - 1), ids.slice(0, numKept - 1));
    assert.equal(inputIds[numKept - 1], tokenizer.eosId);
    assert.deepEqual(attentionMask, inputIds.map((_, index) => index < numKept ? 1 : 0));
    assert.ok(inputIds.slice(numKept).every((id) => id === tokenizer.padId));
  }));
  assert.throws(() => tokenizer.encodePadded("a", 0), RangeError);
});

Deno.test("Tokenizer.encode() gives ids below vocabSize for any text, broken surrogates included", () => {
  const tokenizer = Tokenizer.fromFile(UMT5_LIKE);
  fc.assert(fc.property(anyText, (text) => {
    assert.ok(tokenizer.encode(text).every((id) => id >= 0 && id < tokenizer.vocabSize));
  }));
  assert.deepEqual(tokenizer.encode("a\ud800"), tokenizer.encode("a\ufffd"));
});

Deno.test("Tokenizer.encode() makes one unknown of neighbouring unknown characters", async () => {
  const tokenizer = await openText(tinyFile());
  assert.deepEqual(tokenizer.encode("xyz"), [2, 1]);
  assert.deepEqual(tokenizer.encode("axyb"), [3, 2, 4, 1]);
});

Deno.test("Tokenizer.encode() takes the cut with the highest sum of scores", async () => {
  const tokenizer = await openText(tinyFile());
  assert.deepEqual(tokenizer.encode("ab"), [5, 1]); // ▁ab at -2.5, against ▁a and b at -3
  assert.deepEqual(tokenizer.encode("abb"), [5, 4, 1]);
});

Deno.test("Tokenizer.fromFile() honours what an added token asks for", async () => {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: false };
  const tokenizer = await openText(tinyFile((file) => {
    file.added_tokens = [
      { id: 6, content: "cat", ...flags, single_word: true },
      { id: 7, content: "[L]", ...flags, lstrip: true },
      { id: 8, content: "[R]", ...flags, rstrip: true },
    ];
  }));
  assert.deepEqual(tokenizer.encode("cat"), [6, 1]);
  assert.deepEqual(tokenizer.encode("cats"), [2, 1]);
  assert.deepEqual(tokenizer.encode("𝒜cat"), [2, 1]);
  assert.deepEqual(tokenizer.encode("a  [L]a"), [3, 7, 3, 1]);
  assert.deepEqual(tokenizer.encode("a[R]  a"), [3, 8, 3, 1]);
});

Deno.test("Tokenizer.fromFile() says what it does not support or cannot read", async () => {
  const refused: [RegExp, (file: Record<string, unknown>) => void][] = [
    [/normalizer has the type "Lowercase"/, (file) => file.normalizer = { type: "Lowercase" }],
    [
      /normalizer\.normalizers\[0\] has the type "BertNormalizer"/,
      (file) => file.normalizer = { type: "Sequence", normalizers: [{ type: "BertNormalizer" }] },
    ],
    [
      /precompiled_charsmap/,
      (file) => file.normalizer = { type: "Precompiled", precompiled_charsmap: "//////8=" },
    ],
    [
      /pattern \(\?<x\\w/,
      (file) => file.normalizer = { type: "Replace", pattern: { Regex: "(?<x\\w" }, content: "" },
    ],
    [/pre_tokenizer has the type "ByteLevel"/, (file) => file.pre_tokenizer = { type: "ByteLevel" }],
    [/post_processor/, (file) => file.post_processor = null],
    [/model\.type/, (file) => file.model = { type: "BPE", vocab: {} }],
    [/unk_id/, (file) => file.model = { type: "Unigram", unk_id: 9, vocab: [["<pad>", 0]] }],
    [/model\.vocab\[0\]/, (file) => file.model = { type: "Unigram", unk_id: 0, vocab: [["<pad>"]] }],
    [/no "<pad>"/, (file) => file.model = { type: "Unigram", unk_id: 0, vocab: [["a", 0]] }],
  ];
  for (const [message, change] of refused) {
    await assert.rejects(openText(tinyFile(change)), (error: unknown) => {
      assert.ok(error instanceof WeightsError);
      assert.match(error.message, message);
      return true;
    });
  }
  await assert.rejects(openText("{"), /Cannot read the tokenizer from .*tokenizer\.json/);
  assert.throws(() => Tokenizer.fromFile("/nowhere"), WeightsError);
});

Deno.test("readNormalizer() inserts a replacement as it stands", () => {
  const normalize = readNormalizer({ type: "Replace", pattern: { String: "a" }, content: "$&b" });
  assert.equal(normalize("ca"), "c$&b");
});

Deno.test("readNormalizer() maps characters as the file's compiled map says", () => {
  const { normalizer }: { normalizer: unknown } = JSON.parse(readFileSync(join(UMT5_LIKE, "tokenizer.json"), "utf8"));
  const normalize = readNormalizer(normalizer);
  assert.equal(normalize("ＦＵＬＬ ﬁ ½ ㌔ e\u0301\r\nx\u200by"), "FULL fi 1⁄2 キロ é x y");
  assert.equal(normalize("e\u0301\u0323"), "é"); // the shortest key stands for the whole grapheme
});

Deno.test("readWordSplitter() puts a visible space before each word, by both names of the setting", () => {
  const texts = (settings: object, text: string, first = true): string[] =>
    readWordSplitter({ type: "Metaspace", replacement: "▁", ...settings })({ text, first }).map((word) => word.text);
  assert.deepEqual(texts({}, "a  b"), ["▁a", "▁", "▁b"]);
  assert.deepEqual(texts({ add_prefix_space: true }, " a"), ["▁a"]);
  assert.deepEqual(texts({ add_prefix_space: false }, "a b"), ["a", "▁b"]);
  assert.deepEqual(texts({ prepend_scheme: "first" }, "a", false), ["a"]);
  assert.deepEqual(texts({ prepend_scheme: "first" }, "a"), ["▁a"]);
  assert.deepEqual(texts({ split: false }, "a b"), ["▁a▁b"]);
  assert.deepEqual(texts({}, ""), []);
});

Deno.test("Unigram writes an unknown character as its bytes only if it has all of them", () => {
  const pieces: [string, number][] = [["<unk>", 0], ["a", -1], ["<0xC3>", 0], ["<0xA9>", 0]];
  const ids: number[] = [];
  new Unigram(pieces, { unkId: 0, byteFallback: true }).encode("aéaè", ids);
  assert.deepEqual(ids, [1, 2, 3, 1, 0]);
});

Deno.test("Unigram finds the best of all cuts", () => {
  const pieces: [string, number][] = [["<unk>", -9], ["a", -3], ["b", -2.5], ["ab", -4], ["ba", -5], ["aab", -6.25]];
  const scores = new Map(pieces.slice(1));
  const best = (text: string): number => {
    if (text === "") return 0;
    const cuts = [...scores].filter(([piece]) => text.startsWith(piece));
    return Math.max(...cuts.map(([piece, score]) => score + best(text.slice(piece.length))));
  };
  const model = new Unigram(pieces, { unkId: 0, byteFallback: false });
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 10 }), (text) => {
    const ids: number[] = [];
    model.encode(text, ids);
    assert.equal(ids.map((id) => pieces[id]?.[0]).join(""), text);
    assert.equal(ids.reduce((sum, id) => sum + (pieces[id]?.[1] ?? 0), 0), best(text));
  }));
});

Deno.test("PieceTrie holds what a Map holds, through growth", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" }), { maxLength: 300 }), (texts) => {
      const trie = new PieceTrie();
      const map = new Map<string, number>();
      for (const [index, text] of texts.entries()) {
        trie.add(text, index);
        map.set(text, index);
      }
      for (const text of texts) assert.equal(trie.get(text), map.get(text));
      assert.equal(trie.get("not there: \u0000"), undefined);
    }),
    { numRuns: 20 },
  );
  const trie = new PieceTrie();
  for (let value = 0; value < 50_000; value++) trie.add(`piece ${value}`, value);
  for (let value = 0; value < 50_000; value += 997) assert.equal(trie.get(`piece ${value}`), value);
});
