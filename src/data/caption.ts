/** Captions: bytes to one line of clean text, and the text to the prompts that a clip is shown with. */

import { random, seedFor, sha256 } from "../base/mod.ts";
import { CaptionProblem } from "./codes.ts";
import { decodeText } from "./text_encoding.ts";

/** How captions are found and what is made of them. */
export interface CaptionRules {
  /** Where they come from; auto: a list that names the file, else a text file of the same name. */
  readonly from: "auto" | "text" | "list" | "fileName";
  /** A list of captions, absolute; absent means those that lie in the source. */
  readonly list?: string | undefined;
  readonly encoding: string;
  /** Whether the lines of a text file are one caption, or one each. */
  readonly lines: "join" | "choose";
  readonly triggerWord?: string | undefined;
  readonly prefix: string;
  readonly suffix: string;
  /** How many other orders of its tags a caption is also shown in. */
  readonly shuffles: number;
  /** Tags at the front that keep their place. */
  readonly keepTags: number;
  readonly separator: string;
  readonly missing: "reject" | "empty";
  readonly tooLong: "warn" | "reject";
}

/** Captions that were read, and what was done to them. */
export interface CaptionTexts {
  /** One line each, none of them empty. */
  readonly texts: readonly string[];
  readonly notes: readonly string[];
}

const MOST_BYTES = 1 << 20;
/** Draws for each order that is wanted: few tags have few orders, and some come twice. */
const TRIES = 4;
/** Where a caption file of ai-toolkit wants the trigger word. */
const PLACEHOLDER = "[trigger]";
// deno-lint-ignore no-control-regex
const CONTROLS = /[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;

/**
 * Reads the bytes of a text file. Blank lines count for nothing, control characters are taken out.
 * @throws {CaptionProblem} if it is no text, in an unknown encoding or longer than 1 MiB
 */
export function decodeCaption(
  bytes: Uint8Array,
  { encoding, lines }: Pick<CaptionRules, "encoding" | "lines">,
): CaptionTexts {
  if (bytes.length > MOST_BYTES) {
    throw new CaptionProblem("caption_too_long", "its caption is longer than 1 MiB", {
      cure: "is this the right text file? Shorten it",
    });
  }
  const decoded = decodeText(bytes, { what: "its caption", encoding });
  const { text: raw, notes } = cleanCaption(decoded.text);
  const all = raw.split("\n").filter((line) => line !== "");
  const texts = lines === "join" && all.length > 0 ? [all.join(" ")] : all;
  const looksLikeJson = texts.length === 1 && /^[{[].*[}\]]$/.test(texts[0] ?? "") && isJson(texts[0] ?? "");
  const hint = looksLikeJson ? ["its caption looks like JSON; it is used letter by letter"] : [];
  return { texts, notes: [...decoded.notes, ...notes, ...hint] };
}

/**
 * A caption without control characters; its lines trimmed and ended by line feeds.
 * @throws {CaptionProblem} if it holds NUL characters
 */
export function cleanCaption(raw: string): { text: string; notes: readonly string[] } {
  if (raw.includes("\0")) {
    throw new CaptionProblem("caption_control_chars", "its caption holds NUL characters, so it is not plain text", {
      cure: "save the caption as UTF-8 text",
    });
  }
  const clean = raw.replaceAll(CONTROLS, "");
  const notes = clean === raw ? [] : ["control characters were taken out of its caption"];
  const lines = clean.split(/\r\n|[\r\n\u2028\u2029]/).map((line) => line.trim());
  return { text: lines.join("\n"), notes };
}

/**
 * The prompts that a clip is shown with: each caption with its prefix, suffix and trigger word, and in other orders of its
 * tags where the rules say so. The orders follow from the caption alone, so that runs share their embeddings.
 */
export function makePrompts(texts: readonly string[], rules: CaptionRules): string[] {
  const prompts = texts.flatMap((text) => ordersOf(text, rules)).map((text) => decorate(text, rules));
  return [...new Set(prompts.map((prompt) => prompt.toWellFormed()))]; // JSON may hold halves of characters
}

function ordersOf(text: string, { shuffles, keepTags, separator }: CaptionRules): string[] {
  if (shuffles === 0) return [text];
  const tags = text.split(separator).map((tag) => tag.trim()).filter((tag) => tag !== "");
  const [kept, free] = [tags.slice(0, keepTags), tags.slice(keepTags)];
  const glue = /\s$/.test(separator) ? separator : `${separator} `;
  const draw = random(seedFor(BigInt(`0x${sha256(text).slice(0, 15)}`), "data.tags"));
  const orders = new Set([text]);
  for (let tries = 0; tries < TRIES * shuffles && orders.size <= shuffles; tries++) {
    orders.add([...kept, ...draw.shuffle(free)].join(glue));
  }
  return [...orders];
}

/** The trigger word is not added to a caption that holds it already. */
function decorate(text: string, { triggerWord, prefix, suffix }: CaptionRules): string {
  if (triggerWord === undefined) return `${prefix}${text}${suffix}`;
  if (text.includes(PLACEHOLDER)) return `${prefix}${text.replaceAll(PLACEHOLDER, triggerWord)}${suffix}`;
  if (hasWord(`${prefix}${text}${suffix}`, triggerWord)) return `${prefix}${text}${suffix}`;
  return `${prefix}${text === "" ? triggerWord : `${triggerWord}, ${text}`}${suffix}`;
}

function hasWord(text: string, word: string): boolean {
  const letter = /[\p{L}\p{N}_]/u;
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const [before = "", after = ""] = [text[at - 1], text[at + word.length]];
    if (!letter.test(before) && !letter.test(after)) return true;
  }
  return false;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
