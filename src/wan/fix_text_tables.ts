/**
 * The character tables of specs/text in the forms that the text fixes need. Built at first use, so that importing
 * costs nothing.
 */
import charmaps from "../../specs/text/charmaps.json" with { type: "json" };
import html5 from "../../specs/text/html5_entities.json" with { type: "json" };
import mojibake from "../../specs/text/mojibake.json" with { type: "json" };

/** The white space of Python's `str.isspace`, `str.strip` and `\s`, for use inside a character class. */
export const PYTHON_SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

/** The word characters of Python's `\w`, for use inside a character class of a `u` regular expression. */
export const PYTHON_WORD = "\\p{L}\\p{N}_";

/** A group of characters in specs/text/mojibake.json, under `categories`. */
export type Category = keyof typeof mojibake.categories;

/** A group of characters in specs/text/mojibake.json, under `utf8`. */
export type Utf8Clue = keyof typeof mojibake.utf8;

/** The name of a single-byte encoding in specs/text/charmaps.json. */
export type CharmapName = keyof typeof charmaps;

/** Makes a function that computes its value at the first call and keeps it. */
export function once<T>(make: () => T): () => T {
  let kept: { value: T } | undefined;
  return () => (kept ??= { value: make() }).value;
}

/** The characters as the inside of a character class of a `u` regular expression. */
export function classOf(chars: string): string {
  return Array.from(chars, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`).join("");
}

/** A category as the inside of a character class. */
export function categoryClass(name: Category): string {
  return classOf(mojibake.categories[name]);
}

/** A clue as the inside of a character class. */
export function clueClass(name: Utf8Clue): string {
  return classOf(mojibake.utf8[name]);
}

/** The 128 characters of bytes 0x80 to 0xFF. */
export function charmapHigh(name: CharmapName): string {
  return charmaps[name];
}

/** What HTML's named references stand for: the name as after `&`, with its semicolon, or without where HTML allows it. */
export const htmlEntities: () => ReadonlyMap<string, string> = once(() => {
  const table = new Map<string, string>();
  for (const [name, value] of Object.entries(html5.entities)) table.set(`${name};`, value);
  for (const name of html5.bare) table.set(name, table.get(`${name};`) ?? "");
  return table;
});
