import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { random } from "../../src/base/mod.ts";
import { type CaptionRules, decodeCaption, makePrompts } from "../../src/data/caption.ts";
import { overlong } from "../../src/data/caption_length.ts";
import type { CaptionProblem } from "../../src/data/codes.ts";
import { sourcesOf } from "../../src/data/mod.ts";
import { dataConfig } from "../support/dataset.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The rules of the config's defaults, but for some. */
function rules(change: Partial<CaptionRules> = {}): CaptionRules {
  const [source] = sourcesOf(dataConfig({ sources: [{ path: "x" }] }));
  assert.ok(source !== undefined);
  return { ...source.captions, ...change };
}

const decode = (bytes: Uint8Array, change: Partial<CaptionRules> = {}): ReturnType<typeof decodeCaption> =>
  decodeCaption(bytes, rules(change));

Deno.test("decodeCaption() reads UTF-8 and UTF-16, without their marks", () => {
  assert.deepEqual(decode(encode("\ufeffein Känguru")), { texts: ["ein Känguru"], notes: [] });
  const wide = Buffer.from("ein Känguru", "utf16le");
  assert.deepEqual(decode(Uint8Array.from([0xff, 0xfe, ...wide])).texts, ["ein Känguru"]);
  assert.deepEqual(decode(Uint8Array.from([0xfe, 0xff, ...Buffer.from(wide).swap16()])).texts, ["ein Känguru"]);
});

Deno.test("decodeCaption() joins lines, or takes each for a caption, and keeps every other letter", () => {
  const lines = encode("one\r\n  two \n\n three\n");
  assert.deepEqual(decode(lines).texts, ["one two three"]);
  assert.deepEqual(decode(lines, { lines: "choose" }).texts, ["one", "two", "three"]);
  const odd = "{a|b} 100% %s $HOME <b> (x:1.2) 🏳️‍🌈 שלום";
  assert.deepEqual(decode(encode(odd)), { texts: [odd], notes: [] });
  assert.deepEqual(decode(encode(" \r\n\t")).texts, []);
});

Deno.test("decodeCaption() reads what was written in an older encoding where that is certain, and says so", () => {
  const french = "Un café, déjà vu – une femme traverse la place, le soir, en plein été, et l’air est doux";
  const cp1252 = Uint8Array.from(Buffer.from(french.replace("–", "\x96").replace("’", "\x92"), "latin1"));
  assert.deepEqual(decode(cp1252), { texts: [french], notes: ["its caption was read as Windows-1252"] });
  for (const text of ["a kangaroo", "Кенгуру jumps over the fence"]) {
    const wide = Buffer.from(text, "utf16le");
    assert.deepEqual(decode(wide).texts, [text]);
    assert.deepEqual(decode(Buffer.from(wide).swap16()).notes, ["its caption was read as UTF-16BE"]);
  }
});

Deno.test("decodeCaption() refuses what may be several things, unless the encoding is named", () => {
  const polish = Uint8Array.from([...encode("zwierz"), 0xea]); // "zwierzę" in Windows-1250, "zwierzê" in 1252
  const refused = (error: CaptionProblem): boolean =>
    error.code === "caption_encoding" && /encoding is uncertain/.test(error.message);
  assert.throws(() => decode(polish), refused);
  assert.deepEqual(decode(polish, { encoding: "windows-1250" }).texts, ["zwierzę"]);
  const russian = Uint8Array.from([0xea, 0xee, 0xf2, 0x20, 0xed, 0xe0]); // "кот на" in Windows-1251
  assert.throws(() => decode(russian), refused);
  assert.throws(() => decode(Uint8Array.from([0xc3, 0xa8, 0xca, 0xc0])), refused); // GBK
  assert.throws(() => decode(polish, { encoding: "utf-8" }), /its caption is not valid UTF-8 text/);
});

Deno.test("decodeCaption() refuses what is no text", () => {
  assert.throws(() => decode(encode("a\0b")), (error: CaptionProblem) => error.code === "caption_control_chars");
  const draw = random(0);
  for (const start of [[], [0xff, 0xfe], [0xef, 0xbb, 0xbf]]) {
    const bytes = Uint8Array.from([...start, ...Array.from({ length: 510 }, () => draw.integer(256))]);
    assert.throws(() => decode(bytes), (error: CaptionProblem) => error.code === "caption_encoding");
  }
  assert.throws(() => decode(new Uint8Array(2 << 20).fill(65)), /longer than 1 MiB/);
});

Deno.test("decodeCaption() takes control characters out and says so; it remarks on JSON", () => {
  const { texts, notes } = decode(encode("a \u001b[31mred\u0007 bird"));
  assert.deepEqual(texts, ["a [31mred bird"]);
  assert.match(notes.join(), /control characters/);
  assert.match(decode(encode('{"caption": "x"}')).notes.join(), /JSON/);
});

Deno.test("makePrompts() puts prefix, trigger word and suffix around a caption, the word only where it is missing", () => {
  const plain = rules();
  assert.deepEqual(makePrompts(["a cat"], plain), ["a cat"]);
  const all = { ...plain, prefix: "A video. ", suffix: ", film grain", triggerWord: "ohwx" };
  assert.deepEqual(makePrompts(["a cat", "an ohwx cat", "ohwxy", "this [trigger] cat", ""], all), [
    "A video. ohwx, a cat, film grain",
    "A video. an ohwx cat, film grain",
    "A video. ohwx, ohwxy, film grain",
    "A video. this ohwx cat, film grain",
    "A video. ohwx, film grain",
  ]);
});

Deno.test("makePrompts() shuffles tags but the first, as often as asked, and always the same way", () => {
  const shuffled = rules({ shuffles: 8, keepTags: 2, triggerWord: "ohwx" });
  const prompts = makePrompts(["a, b, c, d, e"], shuffled);
  assert.equal(prompts[0], "ohwx, a, b, c, d, e");
  assert.ok(prompts.length > 3 && prompts.length <= 9, `${prompts.length} orders`); // of 3! there are 6
  for (const prompt of prompts) {
    assert.ok(prompt.startsWith("ohwx, a, b, "));
    assert.deepEqual(prompt.split(", ").slice(3).sort(), ["c", "d", "e"]);
  }
  assert.deepEqual(makePrompts(["a, b, c, d, e"], shuffled), prompts);
  assert.deepEqual(makePrompts(["one sentence"], rules({ shuffles: 8 })), ["one sentence"]);
});

Deno.test("overlong() asks the tokenizer only where a text may be too long, and estimates without one", () => {
  const never = (): number => assert.fail("not to be asked");
  assert.equal(overlong("a".repeat(510), never), undefined);
  assert.equal(overlong("a".repeat(511), () => 512), undefined);
  assert.equal(overlong("word ".repeat(600), () => 601), "601 tokens");
  assert.equal(overlong("word ".repeat(100), undefined), undefined);
  assert.equal(overlong("word ".repeat(600), undefined), "about 750 tokens (3000 characters)");
});
