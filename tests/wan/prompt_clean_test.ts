import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { fixText } from "../../src/wan/fix_text.ts";
import { isBad } from "../../src/wan/fix_text_badness.ts";
import { charmaps, decodeUtf8Variants } from "../../src/wan/fix_text_codecs.ts";
import { fixEncoding } from "../../src/wan/fix_text_encoding.ts";
import { unescapeHtml, unescapeHtmlCarefully } from "../../src/wan/fix_text_html.ts";
import { cleanPrompt } from "../../src/wan/prompt_clean.ts";
import { runPromptCleanCase } from "../support/golden_text.ts";
import { goldenDir } from "../support/paths.ts";

const PLAIN = "abcdefghijklmnopqrstuvwxyz ,.!?()0123456789";

/** UTF-8 of the text as one character a byte, which is how Latin-1 misreads it. */
function misreadAsLatin1(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
}

// Expected values of the tests below: ftfy 6.3.1 and html.unescape of Python 3.11, e.g.
//   >>> ftfy.fix_text("sÃ³lo â€œquotesâ€\x9d")
//   'sólo "quotes"'

Deno.test("cleanPrompt() matches the golden prompts", () => {
  runPromptCleanCase(join(goldenDir(), "cases", "prompt_clean"));
});

Deno.test("cleanPrompt() matches the text encoder's golden prompts", () => {
  const { prompts }: { prompts: { raw: string; cleaned: string }[] } = JSON.parse(
    readFileSync(join(goldenDir(), "cases", "umt5_prompts", "case.json"), "utf8"),
  );
  for (const { raw, cleaned } of prompts) assert.equal(cleanPrompt(raw), cleaned);
});

Deno.test("cleanPrompt() leaves one space between words and none at the ends", () => {
  assert.equal(cleanPrompt(" \t a\u00a0\u3000 b\u2028 \u2003c \n"), "a b c");
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
    const cleaned = cleanPrompt(text);
    assert.doesNotMatch(cleaned, /^\s|\s$|\s\s|[^\S ]/);
  }));
});

Deno.test("cleanPrompt() keeps U+FEFF out and the zero-width space in, as Python's white space has neither", () => {
  assert.equal(cleanPrompt("\u200b a\ufeff b \u200b"), "\u200b a b \u200b");
});

Deno.test("cleanPrompt() changes nothing in plain text", () => {
  const word = fc.string({ unit: fc.constantFrom(...PLAIN.replace(" ", "")), minLength: 1 });
  fc.assert(fc.property(fc.array(word), (words) => {
    assert.equal(cleanPrompt(words.join(" ")), words.join(" "));
  }));
});

Deno.test("cleanPrompt() reads HTML references twice, also after a literal <", () => {
  assert.equal(cleanPrompt("&amp;amp;amp;"), "&");
  assert.equal(cleanPrompt("<b> &amp;lt;"), "<b> <");
  assert.equal(cleanPrompt("this&not that"), "this¬ that");
});

Deno.test("unescapeHtml() reads numbers as HTML5 does", () => {
  assert.equal(unescapeHtml("&#65;&#x42;&#X43 &#0;&#128;&#x9d;&#13;"), "ABC \ufffd€\x9d\r");
  assert.equal(unescapeHtml("&#xD800;&#1114112;&#xFFFE;&#1;|&#11;|&#10;"), "\ufffd\ufffd||\n");
});

Deno.test("unescapeHtml() takes the longest known prefix of a name", () => {
  assert.equal(unescapeHtml("&notit; &notin; &ampx &unknown; &"), "¬it; ∉ &x &unknown; &");
});

Deno.test("unescapeHtmlCarefully() wants the semicolon and reads names in capitals", () => {
  assert.equal(unescapeHtmlCarefully("&ntilde; &NTILDE; &nTILDE; &SZLIG; &amp &#59;"), "ñ Ñ &nTILDE; SS &amp &#59;");
});

Deno.test("fixText() leaves HTML references alone from the first line with a < on", () => {
  assert.equal(fixText("&eacute;\n<i>&eacute;\n&eacute;"), "é\n<i>&eacute;\n&eacute;");
});

Deno.test("fixText() repairs mojibake of several encodings and layers", () => {
  assert.equal(fixText("sÃ³lo â€œquotesâ€\x9d"), 'sólo "quotes"');
  assert.equal(fixText("âœ” No problems"), "✔ No problems");
  assert.equal(fixText("&macr;\\_(ã\x83\x84)_/&macr;"), "¯\\_(ツ)_/¯");
  assert.equal(fixText("voilÃ le travail, Ã la mode"), "voilà le travail, à la mode");
  assert.equal(fixText("РїСЂРёРІРµС‚"), "привет");
  assert.equal(fixText("â€œ lost â€\ufffd"), '" lost \ufffd');
});

Deno.test("fixText() undoes reading UTF-8 as Latin-1, whatever the letters were", () => {
  const letters = fc.string({ unit: fc.constantFrom(..."çéñüöäßøåжщюя日本語"), minLength: 2, maxLength: 12 });
  fc.assert(fc.property(letters, (text) => assert.equal(fixText(misreadAsLatin1(text)), text)));
});

Deno.test("fixText() gives characters their ordinary form", () => {
  assert.equal(fixText("ﬂuﬃeﬆ Ŀ ǅ ŉ"), "fluffiest Ŀ Dž 'n");
  assert.equal(fixText("Ｕﾀｰﾝ，ＬＯＵＤ　ＮＯＩＳＥＳ"), "Uターン,LOUD NOISES");
  assert.equal(fixText("e\u0301 \u2018a\u2019 \u201eb\u201c"), "é 'a' \"b\"");
});

Deno.test("fixText() removes control characters, terminal colours and broken surrogates", () => {
  assert.equal(fixText("\x1b[36;44mblue\x1b[0m\x00\x7f\ufeff\u206a"), "blue");
  assert.equal(fixText("a\ud83d b\udca9 \ud83d\udca9"), "a\ufffd b\ufffd 💩");
  assert.equal(fixText("a\r\nb\rc\u2028d\u2029e"), "a\nb\nc\nd\ne");
});

Deno.test("fixText() keeps text that only looks a little odd", () => {
  for (
    const text of ["¯\\_(ツ)_/¯", "(╯°□°)╯ ┻━┻", "Ça été très «bien»", "PARCE QUE SUR LEURS PLAQUES", "5½ × 3²", "à la"]
  ) {
    assert.equal(fixText(text), text);
  }
});

Deno.test("isBad() tells mojibake from accents, in astral text too", () => {
  assert.ok(isBad("cafÃ©"));
  assert.ok(isBad("ÃŸ"));
  assert.ok(isBad("é«𝒜"));
  assert.ok(!isBad("café 𝒜 «bien»"));
});

Deno.test("fixEncoding() repairs parts when the whole has no single encoding", () => {
  assert.equal(fixEncoding("日本 cafÃ© 語"), "日本 café 語");
});

Deno.test("a Charmap decodes what it encodes", () => {
  const bytes = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)) });
  fc.assert(fc.property(bytes, fc.constantFrom(...charmaps()), (coded, charmap) => {
    assert.equal(charmap.encode(charmap.decode(coded)), coded);
  }));
  assert.deepEqual(charmaps().filter((charmap) => charmap.encode("日") !== undefined), []);
});

Deno.test("decodeUtf8Variants() reads CESU-8 and Java's NUL, and refuses lone surrogates", () => {
  assert.equal(decodeUtf8Variants("a\xed\xa0\xbd\xed\xb8\x8d\xc0\x80b"), "a😍\0b");
  assert.equal(decodeUtf8Variants("\xed\x95\x9c"), "한");
  assert.equal(decodeUtf8Variants("\xed\xa0\xbdabcdef"), undefined);
  assert.equal(decodeUtf8Variants("\xed\xa0"), undefined);
  assert.equal(decodeUtf8Variants("\xc3"), undefined);
});
