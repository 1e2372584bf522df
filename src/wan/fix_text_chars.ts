/** Fixes that look at characters alone: ligatures, widths, quotes, line ends, control characters. */
import { once } from "./fix_text_tables.ts";

const LIGATURES: Readonly<Record<string, string>> = {
  "\u0132": "IJ",
  "\u0133": "ij",
  "\u0149": "\u02bcn",
  "\u01f1": "DZ",
  "\u01f2": "Dz",
  "\u01f3": "dz",
  "\u01c4": "D\u017d",
  "\u01c5": "D\u017e",
  "\u01c6": "d\u017e",
  "\u01c7": "LJ",
  "\u01c8": "Lj",
  "\u01c9": "lj",
  "\u01ca": "NJ",
  "\u01cb": "Nj",
  "\u01cc": "nj",
  "\ufb00": "ff",
  "\ufb01": "fi",
  "\ufb02": "fl",
  "\ufb03": "ffi",
  "\ufb04": "ffl",
  "\ufb05": "\u017ft",
  "\ufb06": "st",
};

/** Takes Latin ligatures and digraphs apart. Source: python-ftfy ftfy/chardata.py, LIGATURES */
export function fixLatinLigatures(text: string): string {
  return text.replace(
    /[\u0132\u0133\u0149\u01c4-\u01cc\u01f1-\u01f3\ufb00-\ufb06]/g,
    (char) => LIGATURES[char] ?? char,
  );
}

const widths: () => ReadonlyMap<string, string> = once(() => {
  const table = new Map([["\u3000", " "]]);
  for (let code = 0xff01; code < 0xfff0; code++) {
    const char = String.fromCharCode(code);
    table.set(char, char.normalize("NFKC"));
  }
  return table;
});

/** Gives full-width and half-width characters, and the ideographic space, their ordinary width. */
export function fixCharacterWidth(text: string): string {
  return text.replace(/[\u3000\uff01-\uffef]/g, (char) => widths().get(char) ?? char);
}

/** Makes curly and other typographic quotes straight. */
export function uncurlQuotes(text: string): string {
  return text.replace(/[\u201c-\u201f]/g, '"').replace(/[\u02bc\u2018-\u201b]/g, "'");
}

/** Makes every kind of line end a line feed. */
export function fixLineBreaks(text: string): string {
  return text.replace(/\r\n|[\r\u2028\u2029\x85]/g, "\n");
}

/** Removes the escape sequences that colour a terminal. */
export function removeTerminalEscapes(text: string): string {
  // deno-lint-ignore no-control-regex -- the escape character is what is looked for
  return text.replace(/\x1b\[[\p{Nd};]*[a-zA-Z]/gu, "");
}

/** Removes control characters that show nothing: ASCII ones but tab and line ends, and a few of Unicode's. */
export function removeControlChars(text: string): string {
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  return text.replace(/[\x00-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufeff\ufff9-\ufffc]/g, "");
}
