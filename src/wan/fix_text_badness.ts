/**
 * Tells whether text looks like mojibake: UTF-8 that was read in a single-byte encoding.
 *
 * The heuristic knows the characters that such text is made of, sorted by how honest text uses them, and lists the
 * neighbourhoods that honest text does not have, such as a lower-case accented letter followed by a currency sign.
 * Source: python-ftfy 6.3.1 ftfy/badness.py, BADNESS_RE (the list); specs/text/mojibake.json (the categories)
 */
import { type Category, categoryClass, once, PYTHON_SPACE, PYTHON_WORD } from "./fix_text_tables.ts";

/** Whether any part of the text is an unlikely sequence. */
export function isBad(text: string): boolean {
  return badness().test(text);
}

const badness: () => RegExp = once(() => new RegExp(RULES.map(ruleSource).join("|"), "u"));

// A rule is a sequence of character classes. In a class, {name} is a category and everything else is itself; a rule
// that needs more than classes is one RegExp source in slashes.
const ACCENTED = "{lowerAccented}{upperAccented}";
const QUOTES = "{startPunctuation}{endPunctuation}";
const ODD = `${ACCENTED}{box}${QUOTES}{currency}{numeric}{law}`;
const CAPITALS_1251 = "\u0412\u0413\u0420\u0421"; // the Cyrillic letters that bytes C2, C3, D0, D1 become
const CAPITALS_1253 = "\u0392\u0393\u039e\u039f"; // the Greek letters that bytes C2, C3, CE, CF become
const ARABIC_LEAD = "ØÙ";
const ARABIC_NEXT = "{common}{currency}{bad}{numeric}{startPunctuation}ŸŠ®°µ»";

const RULES: readonly (readonly string[])[] = [
  // Any encoding: categories that do not meet in honest text.
  ["{c1}"],
  [`{bad}${ODD}`, "{bad}"],
  ["a-zA-Z", "{lowerCommon}{upperCommon}", "{bad}"],
  ["{bad}", ODD],
  ["{lowerAccented}{lowerCommon}{box}{endPunctuation}{currency}{numeric}", "{upperAccented}"],
  ["{box}{endPunctuation}{currency}{numeric}", "{lowerAccented}"],
  ["{lowerAccented}{box}{endPunctuation}", "{currency}"],
  [PYTHON_SPACE, "{upperAccented}", "{currency}"],
  ["{upperAccented}{box}", "{numeric}{law}"],
  [`${ACCENTED}{box}{currency}{endPunctuation}`, "{startPunctuation}", "{numeric}"],
  [`${ACCENTED}{currency}{numeric}{box}{law}`, "{endPunctuation}", "{startPunctuation}"],
  ["{currency}{numeric}{box}", "{startPunctuation}"],
  ["a-z", "{upperAccented}", "{startPunctuation}{currency}"],
  ["{box}", "{kaomoji}"],
  [`${ACCENTED}{currency}{numeric}${QUOTES}{law}`, "{box}"],
  ["{box}", "{endPunctuation}"],
  [ACCENTED, QUOTES, PYTHON_WORD],
  ["Œœ", "^A-Za-z"],
  ["{upperAccented}", "°"],

  // Windows-1252: lead bytes C2, C3, CE, D0 before what the continuation bytes become.
  ["ÂÃÎÐ", `€œŠš¢£Ÿž\\xa0\\xad®©°·»${QUOTES}–—´`],
  ["×", "²³"],
  [ARABIC_LEAD, ARABIC_NEXT, ARABIC_LEAD, ARABIC_NEXT],
  ["à", "²µ¹¼½¾"],
  ["Ã", "\\xa0¡"],
  [`/[a-z][${PYTHON_SPACE}]?[ÃÂ] /`],
  ["/^[ÃÂ] /"],
  ["a-z.,?!{endPunctuation}", "Â", ` ${QUOTES}`],

  // MacRoman.
  ["√", "±∂†≠®™´≤≥¥µø"],
  ["≈", "°¢"],
  ["‚", "Ä", "ìîïòôúùû†°¢π"],
  ["‚", "âó", "àä°ê"],

  // Windows-1251; the last is Latin-1 mojibake of Windows-1252 misread once more.
  ["\u0432", "\u0402"],
  [CAPITALS_1251, `{c1}{bad}${QUOTES}{currency}°µ`, CAPITALS_1251],
  ["\u0413", "\u045e", "\u0412", "\u0402", "\u0412", "^\\n", "A-Za-z "],

  // Windows-1253 and Windows-1257.
  ["\u03b2", "€", "™\\xa0\u0386\\xad®°"],
  [CAPITALS_1253, `{c1}{bad}${QUOTES}{currency}°`, CAPITALS_1253],
  ["ā", "€"],
];

function ruleSource(rule: readonly string[]): string {
  const [first = ""] = rule;
  if (first.startsWith("/")) return first.slice(1, -1);
  return rule.map((members) => `[${expandCategories(members)}]`).join("");
}

/** Puts the categories' characters in place of their names; the braces of `\p{L}` are none. */
function expandCategories(members: string): string {
  return members.replace(/(?<!\\p)\{(\w+)\}/g, (_, name) => categoryClass(name as Category));
}
