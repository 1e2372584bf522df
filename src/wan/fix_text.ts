/**
 * Repairs text as ftfy 6.3.1 does with its default settings: HTML references, mojibake, ligatures, widths, quotes, line
 * ends, control characters, NFC. The reference pipeline runs this over every prompt, so a prompt that differs in it is
 * another prompt to the model.
 * Source: python-ftfy ftfy/__init__.py, fix_text and fix_and_explain
 */
import {
  fixCharacterWidth,
  fixLatinLigatures,
  fixLineBreaks,
  removeControlChars,
  removeTerminalEscapes,
  uncurlQuotes,
} from "./fix_text_chars.ts";
import { fixC1Controls, fixEncoding } from "./fix_text_encoding.ts";
import { unescapeHtmlCarefully } from "./fix_text_html.ts";

const MAX_SEGMENT_CODE_POINTS = 1_000_000;

const STEPS: readonly ((text: string) => string)[] = [
  fixEncoding,
  fixC1Controls,
  fixLatinLigatures,
  fixCharacterWidth,
  uncurlQuotes,
  fixLineBreaks,
  (text) => text.toWellFormed(), // half of a surrogate pair becomes U+FFFD
  removeTerminalEscapes,
  removeControlChars,
  (text) => text.normalize("NFC"),
];

/**
 * Repairs the text line by line. HTML references are left alone from the first line on that has a `<`, as the text is
 * then HTML proper.
 */
export function fixText(text: string): string {
  let fixed = "";
  let unescape = true;
  for (const segment of segments(text)) {
    unescape &&= !segment.includes("<");
    fixed += fixSegment(segment, unescape);
  }
  return fixed;
}

/** Lines with their line feed, the longest ones cut. */
function* segments(text: string): Generator<string> {
  for (const line of text.match(/[^\n]*\n|[^\n]+/g) ?? []) {
    if (line.length <= MAX_SEGMENT_CODE_POINTS) {
      yield line;
      continue;
    }
    const chars = Array.from(line);
    for (let at = 0; at < chars.length; at += MAX_SEGMENT_CODE_POINTS) {
      yield chars.slice(at, at + MAX_SEGMENT_CODE_POINTS).join("");
    }
  }
}

/** All steps, again and again until nothing changes. */
function fixSegment(text: string, unescape: boolean): string {
  for (;;) {
    const before = text;
    if (unescape) text = unescapeHtmlCarefully(text);
    for (const step of STEPS) text = step(text);
    if (text === before) return text;
  }
}
