/**
 * Two readings of HTML character references: the browser's, which also reads a name without its semicolon, and ftfy's
 * careful one for text that may not be HTML at all.
 */
import { htmlEntities, once } from "./fix_text_tables.ts";
import { sloppyWindows1252 } from "./fix_text_codecs.ts";

const REFERENCE = /&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)/gu;
const CAREFUL_REFERENCE = /&#?[0-9A-Za-z]{1,24};/g;
const MAX_CODE_POINT = 0x10ffff;

/**
 * Replaces every character reference as HTML5 says: numbers with the Windows-1252 reading of 0x80 to 0x9F, names by the
 * longest known prefix (`&notit;` is `¬it;`).
 * Source: cpython Lib/html/__init__.py, unescape
 */
export function unescapeHtml(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(REFERENCE, (_, reference: string) => {
    return reference.startsWith("#") ? numbered(reference) : named(reference);
  });
}

function numbered(reference: string): string {
  const hex = /^#[xX]/.test(reference);
  const digits = reference.slice(hex ? 2 : 1).replace(/;$/, "");
  const code = parseInt(digits, hex ? 16 : 10);
  if (code === 0 || code > MAX_CODE_POINT || (code >= 0xd800 && code <= 0xdfff)) return "\ufffd";
  if (code === 0x0d) return "\r";
  if (code >= 0x80 && code <= 0x9f) return sloppyWindows1252().decode(String.fromCharCode(code));
  return isForbidden(code) ? "" : String.fromCodePoint(code);
}

/** Control characters other than white space, and the code points that are never characters. */
function isForbidden(code: number): boolean {
  const control = (code < 0x20 && !(code === 0x09 || code === 0x0a || code === 0x0c)) || code === 0x7f;
  return control || (code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) === 0xfffe;
}

function named(reference: string): string {
  const entities = htmlEntities();
  for (let length = reference.length; length > 1; length--) {
    const value = entities.get(reference.slice(0, length));
    if (value !== undefined) return value + reference.slice(length);
  }
  return `&${reference}`;
}

/**
 * Replaces only references that end in a semicolon. Names that exist in lower case only are also read in capitals
 * (`&EACUTE;` is `É`).
 * Source: python-ftfy ftfy/fixes.py, unescape_html; ftfy/chardata.py, _build_html_entities
 */
export function unescapeHtmlCarefully(text: string): string {
  return text.replace(CAREFUL_REFERENCE, (reference) => {
    const value = carefulEntities().get(reference);
    if (value !== undefined) return value;
    if (!reference.startsWith("&#")) return reference;
    const unescaped = unescapeHtml(reference);
    return unescaped.includes(";") ? reference : unescaped; // a semicolon left over: only a part was a number
  });
}

const carefulEntities: () => ReadonlyMap<string, string> = once(() => {
  const table = new Map<string, string>();
  for (const [name, value] of htmlEntities()) {
    if (!name.endsWith(";")) continue;
    table.set(`&${name}`, value);
    const capitals = `&${name.toUpperCase()}`;
    if (name === name.toLowerCase() && unescapeHtml(capitals) === capitals) table.set(capitals, value.toUpperCase());
  }
  return table;
});
