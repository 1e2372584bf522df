/** Bytes to text: UTF-8 and UTF-16, and the encodings of old that can be told with certainty. */

import { CaptionProblem } from "./codes.ts";

/** A text that was read, and what was guessed. */
export interface DecodedText {
  readonly text: string;
  readonly notes: readonly string[];
}

/** Bytes from which the encoding is guessed. */
const LOOK = 4096;

/**
 * Letters and signs that Windows-1252, Latin-1 and Windows-1250 all write with the same byte, so that text whose other
 * bytes are of these reads the same in each; and two, the grave a and the ringed a, which are rare letters of Slovak there.
 */
const SHARED = new Set("àÀåÅ\u00a0§«»°´·ÁÂÄÇÉËÍÎÓÔÖ×ÚÜÝßáâäçéëíîóôö÷úüý…‘’“”–—•„‚‹›€");

/**
 * Reads text.
 * @param options.what how the text is called in messages: "its caption"
 * @param options.encoding a label of the WHATWG encoding standard such as "windows-1252" or "gbk"; "auto" takes a byte order mark
 * at its word, else UTF-8 where that is valid, else what is certain
 * @throws {CaptionProblem} if the encoding cannot be told, or is not the one named
 */
export function decodeText(
  bytes: Uint8Array,
  { what, encoding = "auto" }: { what: string; encoding?: string },
): DecodedText {
  if (encoding !== "auto") return { text: strict(bytes, { what, encoding }), notes: [] };
  const mark = bytes[0] === 0xff && bytes[1] === 0xfe
    ? "utf-16le"
    : bytes[0] === 0xfe && bytes[1] === 0xff
    ? "utf-16be"
    : undefined;
  if (mark !== undefined) return { text: strict(bytes, { what, encoding: mark }), notes: [] };
  const wide = unmarkedUtf16(bytes);
  if (wide !== undefined) {
    return { text: strict(bytes, { what, encoding: wide }), notes: [`${what} was read as ${wide.toUpperCase()}`] };
  }
  const utf8 = attempt(bytes, "utf-8");
  if (utf8 !== undefined) return { text: utf8, notes: [] };
  const western = westernText(bytes);
  if (western !== undefined) return { text: western, notes: [`${what} was read as Windows-1252`] };
  throw new CaptionProblem("caption_encoding", `${what} is not valid UTF-8 text, and its encoding is uncertain`, {
    cure: "save it as UTF-8, or name its encoding in data.captions.encoding",
  });
}

function strict(bytes: Uint8Array, { what, encoding }: { what: string; encoding: string }): string {
  const text = attempt(bytes, encoding);
  if (text !== undefined) return text;
  throw new CaptionProblem("caption_encoding", `${what} is not valid ${encoding.toUpperCase()} text`, {
    cure: "save it as UTF-8",
  });
}

function attempt(bytes: Uint8Array, encoding: string): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined; // not valid
    throw error;
  }
}

/** UTF-16 without its mark: zeros in every second place only, and in most of those. */
function unmarkedUtf16(bytes: Uint8Array): "utf-16le" | "utf-16be" | undefined {
  if (bytes.length < 4 || bytes.length % 2 !== 0) return undefined;
  const zeros = [0, 0];
  const look = Math.min(bytes.length, LOOK);
  for (let at = 0; at < look; at++) {
    if (bytes[at] === 0) zeros[at % 2] = (zeros[at % 2] ?? 0) + 1;
  }
  const [even = 0, odd = 0] = zeros;
  if (even + odd < 0.35 * look || Math.min(even, odd) > 0) return undefined;
  return odd > 0 ? "utf-16le" : "utf-16be";
}

/**
 * Windows-1252, where its neighbours would say the same: Latin letters, among them some with accents which all of these
 * encodings share; never three accented ones in a row, as in Cyrillic or Chinese text.
 */
function westernText(bytes: Uint8Array): string | undefined {
  const text = attempt(bytes, "windows-1252");
  if (text === undefined) return undefined;
  let high = 0;
  let plain = 0;
  let run = 0;
  for (const char of text) {
    if (/[a-z]/i.test(char)) plain++;
    if (char <= "\u007f") {
      // deno-lint-ignore no-control-regex
      if (/[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/.test(char)) return undefined;
      run = 0;
      continue;
    }
    if (!SHARED.has(char) || ++run > 2) return undefined;
    high++;
  }
  return high * 3 <= plain ? text : undefined;
}
