/**
 * Mojibake repair: finds the single-byte encoding in which UTF-8 was misread and reads it again, step by step until
 * nothing changes.
 * Source: python-ftfy 6.3.1 ftfy/__init__.py, fix_encoding_and_explain; ftfy/fixes.py; ftfy/chardata.py
 */
import { isBad } from "./fix_text_badness.ts";
import { type Charmap, charmaps, decodeUtf8, decodeUtf8Variants, sloppyWindows1252 } from "./fix_text_codecs.ts";
import { clueClass, once } from "./fix_text_tables.ts";

/** Repairs wrongly decoded UTF-8 in text that looks broken; other text comes back as it is. */
export function fixEncoding(text: string): string {
  for (;;) {
    const fixed = fixEncodingOnce(text);
    if (fixed === text) return text;
    text = fixed;
  }
}

/** Reads C1 control characters as what Windows-1252 has in their place. */
export function fixC1Controls(text: string): string {
  return text.replace(/[\x80-\x9f]/g, (char) => sloppyWindows1252().decode(char));
}

function fixEncodingOnce(text: string): string {
  if (isAscii(text) || !isBad(text)) return text;
  for (const charmap of charmaps()) {
    const bytes = charmap.encode(text);
    const decoded = bytes === undefined ? undefined : decodeRepaired(bytes, charmap);
    if (decoded !== undefined) return decoded;
  }
  const inconsistent = fixEmbedded(text);
  if (inconsistent !== text) return inconsistent;
  return fixC1Controls(text);
}

function isAscii(text: string): boolean {
  // deno-lint-ignore no-control-regex -- the range of ASCII begins with control characters
  return /^[\x00-\x7f]*$/.test(text);
}

/** The bytes as UTF-8, after putting back what was lost on the way; undefined if they are not UTF-8 even then. */
function decodeRepaired(bytes: string, charmap: Charmap): string | undefined {
  // In MacRoman an en dash and a space would look like a lost A0.
  if (charmap.name !== "macroman" && LOST_A0.test(bytes)) bytes = restoreByteA0(bytes);
  if (charmap.name.startsWith("sloppy-")) bytes = replaceLossySequences(bytes);
  return /[\xed\xc0]/.test(bytes) ? decodeUtf8Variants(bytes) : decodeUtf8(bytes);
}

// UTF-8 sequences that want a byte A0 (no-break space) where there is a plain space; only where the result is likely.
const LOST_A0 = new RegExp([
  "[\\xc2\\xc3\\xc5\\xce\\xd0\\xd9] ",
  "[\\xe2\\xe3] [\\x80-\\x84\\x86-\\x9f\\xa1-\\xbf]",
  "[\\xe0-\\xe3][\\x80-\\x84\\x86-\\x9f\\xa1-\\xbf] ",
  "\\xf0 [\\x80-\\xbf][\\x80-\\xbf]",
  "\\xf0[\\x80-\\xbf] [\\x80-\\xbf]",
  "\\xf0[\\x80-\\xbf][\\x80-\\xbf] ",
].join("|"));
const LOST_A0_ALL = new RegExp(LOST_A0.source, "g");
// "à" as a word of its own keeps the space after it, except before the endings of Portuguese "àquele" and its kin.
const A_GRAVE_WORD = /\xc3 (?! |quele|quela|quilo|s )/g;

/** Turns spaces back into A0 where that completes a UTF-8 sequence. */
function restoreByteA0(bytes: string): string {
  const words = bytes.replace(A_GRAVE_WORD, "\xc3\xa0 ");
  return words.replace(LOST_A0_ALL, (sequence) => sequence.replaceAll(" ", "\xa0"));
}

// UTF-8 and CESU-8 sequences in which bytes were lost: 1A stands for U+FFFD (see Charmap), and once also "?".
const LOSSY = new RegExp(
  [
    "[\\xc2-\\xdf]\\x1a",
    "[\\xc2\\xc3]\\?",
    "\\xed[\\xa0-\\xaf][\\x1a?]\\xed[\\xb0-\\xbf][\\x1a?\\x80-\\xbf]",
    "\\xed[\\xa0-\\xaf][\\x1a?\\x80-\\xbf]\\xed[\\xb0-\\xbf][\\x1a?]",
    "[\\xe0-\\xef][\\x1a?][\\x1a\\x80-\\xbf]",
    "[\\xe0-\\xef][\\x1a\\x80-\\xbf][\\x1a?]",
    "[\\xf0-\\xf4][\\x1a?][\\x1a\\x80-\\xbf][\\x1a\\x80-\\xbf]",
    "[\\xf0-\\xf4][\\x1a\\x80-\\xbf][\\x1a?][\\x1a\\x80-\\xbf]",
    "[\\xf0-\\xf4][\\x1a\\x80-\\xbf][\\x1a\\x80-\\xbf][\\x1a?]",
    "\\x1a",
  ].join("|"),
  "g",
);

/** Makes one U+FFFD, in UTF-8, of each sequence that lost a byte. */
function replaceLossySequences(bytes: string): string {
  return bytes.replace(LOSSY, "\xef\xbf\xbd");
}

const embedded: () => RegExp = once(() => {
  const next = `[${clueClass("continuation")}]`;
  const sequence = [2, 3, 4].map((length) => {
    const lead = clueClass(`firstOf${length as 2 | 3 | 4}`);
    return `[${lead}]${next}{${length - 1}}`;
  });
  return new RegExp(`(?<![${clueClass("continuationStrict")}])(?:${sequence.join("|")})+`, "gu");
});

/** Repairs the parts that look like UTF-8 each by itself, for text put together from several encodings. */
function fixEmbedded(text: string): string {
  return text.replace(embedded(), (part) => part.length < text.length && isBad(part) ? fixEncoding(part) : part);
}
