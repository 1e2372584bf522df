/**
 * Single-byte encodings and the two readings of UTF-8 that mojibake repair needs.
 *
 * Bytes are strings here, one character (0 to 255) a byte: the repairs are regular expressions over bytes, and
 * JavaScript has those for strings only.
 */
import { charmapHigh, type CharmapName, once } from "./fix_text_tables.ts";

/** An encoding with one character a byte, both ways. */
export interface Charmap {
  readonly name: CharmapName;
  /** The bytes of `text`, or undefined if it has a character that the encoding lacks. */
  encode(text: string): string | undefined;
  /** The text that `bytes` stand for. */
  decode(bytes: string): string;
}

const SUBSTITUTE = 0x1a;
const NAMES: readonly CharmapName[] = [
  "latin-1",
  "sloppy-windows-1252",
  "sloppy-windows-1251",
  "sloppy-windows-1250",
  "sloppy-windows-1253",
  "sloppy-windows-1254",
  "sloppy-windows-1257",
  "iso-8859-2",
  "macroman",
  "cp437",
];

/**
 * The encodings that text may have been misread in, in the order in which they are tried. A sloppy one gives every byte
 * a character, and byte 0x1A is its U+FFFD, a character already lost.
 * Source: python-ftfy ftfy/chardata.py, CHARMAP_ENCODINGS; ftfy/bad_codecs/sloppy.py, make_sloppy_codec
 */
export const charmaps: () => readonly Charmap[] = once(() => NAMES.map(makeCharmap));

/** Windows-1252 in which an unassigned byte is the character with the same number. */
export const sloppyWindows1252: () => Charmap = once(() => makeCharmap("sloppy-windows-1252"));

function makeCharmap(name: CharmapName): Charmap {
  const chars = Array.from({ length: 0x80 }, (_, byte) => String.fromCharCode(byte));
  if (name.startsWith("sloppy-")) chars[SUBSTITUTE] = "\ufffd";
  chars.push(...charmapHigh(name));
  const bytes = new Map(chars.map((char, byte) => [char, String.fromCharCode(byte)]));
  return {
    name,
    encode(text: string): string | undefined {
      let encoded = "";
      for (const char of text) {
        const byte = bytes.get(char);
        if (byte === undefined) return undefined;
        encoded += byte;
      }
      return encoded;
    },
    decode: (coded: string): string => Array.from(coded, (byte) => chars[byte.charCodeAt(0)] ?? "").join(""),
  };
}

/** The text of strict UTF-8, or undefined if `bytes` are not that. */
export function decodeUtf8(bytes: string): string | undefined {
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return decoder.decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)));
  } catch {
    return undefined;
  }
}

// What strict UTF-8 forbids and the variants allow: Java's two-byte NUL, and surrogates (a pair is CESU-8). "End" is
// Python's `$`, which also stands before a final line feed; the reference so reads a few broken endings in its own way.
const END = "(?=\\n?$)";
const CESU8 =
  `\\xed(?:[\\xa0-\\xaf]|${END})(?:[\\x80-\\xbf]|${END})(?:\\xed|${END})(?:[\\xb0-\\xbf]|${END})(?:[\\x80-\\xbf]|${END})`;
const SPECIAL = new RegExp(`\\xc0(?:\\x80|${END})|${CESU8}|\\xed(?:[\\xa0-\\xbf]|${END})(?:[\\x80-\\xbf]|${END})`);
const CESU8_HERE = new RegExp(`^${CESU8}`);

/**
 * The text of UTF-8 in which characters beyond U+FFFF may be written as two surrogates of three bytes (CESU-8) and NUL as
 * C0 80 (Java), or undefined if `bytes` are not that.
 * Source: python-ftfy ftfy/bad_codecs/utf8_variants.py, IncrementalDecoder._buffer_decode_step
 */
export function decodeUtf8Variants(bytes: string): string | undefined {
  let text = "";
  for (let rest = bytes; rest.length > 0;) {
    const at = rest.search(SPECIAL);
    const plain = at < 0 ? rest : rest.slice(0, at);
    const decoded = decodeUtf8(plain);
    if (decoded === undefined) return undefined;
    text += decoded;
    rest = rest.slice(plain.length);
    if (rest.startsWith("\xc0") && rest.length > 1) {
      text += "\0";
      rest = rest.slice(2);
    } else if (rest.length >= 6 && CESU8_HERE.test(rest)) {
      text += cesu8Pair(rest);
      rest = rest.slice(6);
    } else if (rest.length > 0) {
      return decodeRest(text, rest);
    }
  }
  return text;
}

/** What begins with a lone surrogate is refused by strict UTF-8; a short rest may still be a whole character. */
function decodeRest(text: string, rest: string): string | undefined {
  const decoded = decodeUtf8(rest);
  return decoded === undefined ? undefined : text + decoded;
}

/** The character of two surrogates in six bytes: 20 bits of it, 4 + 6 from each surrogate. */
function cesu8Pair(bytes: string): string {
  const bits = (index: number, mask: number): number => bytes.charCodeAt(index) & mask;
  const high = (bits(1, 0x0f) << 16) | (bits(2, 0x3f) << 10);
  return String.fromCodePoint(0x10000 + high + (bits(4, 0x0f) << 6) + bits(5, 0x3f));
}
