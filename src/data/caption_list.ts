/**
 * Lists of captions: JSON lines, JSON, CSV, or text with a line for each file. Other programs' names of the columns are
 * understood; what is wrong is told line by line, and the other lines are used.
 */

import { basename, dirname, extname, join } from "node:path";
import { type ParseError, parseTree } from "jsonc-parser";
import { messageOf } from "../base/mod.ts";
import { CaptionProblem, type Refusal } from "./codes.ts";
import { type CsvRow, guessSeparator, readCsv } from "./csv.ts";
import { ending, isMediaName, MEDIA_ENDINGS, stem } from "./media_names.ts";
import { decodeText } from "./text_encoding.ts";

/** A list of names beside a text of captions in the same order. */
export const NAMES_BESIDE = "videos.txt";

/** What a list says about a file. */
export interface ListEntry {
  /** Where it stands: "line 5", "entry 3". */
  readonly place: string;
  /** The line, counted from 1, where the list has lines. */
  readonly line?: number | undefined;
  /** The file as it is written there. */
  readonly name: string;
  /** May be empty. */
  readonly captions: readonly string[];
  readonly image?: string | undefined;
  readonly mask?: string | undefined;
}

/** A line that cannot be used. */
export interface ListProblem extends Refusal {
  readonly line?: number | undefined;
}

/** A list that was read. */
export interface CaptionList {
  readonly path: string;
  readonly entries: readonly ListEntry[];
  readonly problems: readonly ListProblem[];
}

/** A record of a list, before its fields are looked at. */
type Raw = { readonly place: string; readonly line?: number; readonly value: unknown };
type RawOrProblem = Raw | ListProblem;

/** Keys and columns in the order in which they count; capitals, blanks and dashes in them do not. */
const NAMES = ("file_name filename file file_path filepath path video video_path video_file video_name clip media " +
  "media_path name image image_path image_file").split(" ");
const CAPTION_KEYS = "caption text prompt description".split(" ").map((word) =>
  new RegExp(`^${word}s?(_?\\d+|_long|_short)?$`)
);
const IMAGES = "first_frame start_image input_image image image_path".split(" ");
const MASKS = "mask mask_path mask_video".split(" ");
const MOST_BYTES = 2 ** 28;
const EXAMPLE = '{"file_name": "clip.mp4", "caption": "what can be seen"}';

/** Endings of lists other than plain text. */
export const LIST_ENDINGS: ReadonlySet<string> = new Set([".jsonl", ".json", ".csv", ".tsv"]);

/** Whether a file of a source is a list of captions by its name. */
export function isListName(path: string): boolean {
  const own = ending(path);
  if (own !== ".txt" && !LIST_ENDINGS.has(own)) return false;
  const name = basename(stem(path)).toLowerCase();
  return own === ".txt"
    ? name === "captions" || name === "prompts"
    : /^(captions|metadata|dataset|prompts)$/.test(name);
}

/** Reads a list. @throws {CaptionProblem} if it cannot be read at all */
export function readCaptionList(path: string, { encoding }: { encoding: string }): CaptionList {
  const text = readText(path, encoding);
  const entries: ListEntry[] = [];
  const problems: ListProblem[] = [];
  for (const raw of recordsOf(path, { text, encoding })) {
    const result = "reason" in raw ? raw : toEntry(raw);
    if ("reason" in result) problems.push(result);
    else entries.push(result);
  }
  return { path, entries, problems };
}

function readText(path: string, encoding: string): string {
  let bytes: Uint8Array;
  try {
    if (Deno.statSync(path).size > MOST_BYTES) {
      throw new CaptionProblem("list_format", "the list is larger than 256 MiB", {
        cure: "split it into several lists",
      });
    }
    bytes = Deno.readFileSync(path);
  } catch (cause) {
    if (cause instanceof CaptionProblem) throw cause;
    const cure = "make it readable, or remove it";
    throw new CaptionProblem("list_format", `the list cannot be read: ${messageOf(cause)}`, { cure, cause });
  }
  return decodeText(bytes, { what: "the list", encoding }).text;
}

function recordsOf(path: string, source: { text: string; encoding: string }): Iterable<RawOrProblem> {
  switch (extname(path).toLowerCase()) {
    case ".jsonl":
      return jsonLines(source.text);
    case ".json":
      return jsonRecords(source.text);
    case ".csv":
    case ".tsv":
      return csvRecords(source.text);
    default:
      return textRecords(path, source);
  }
}

function* jsonLines(text: string): Generator<RawOrProblem> {
  let line = 0;
  for (const one of text.split("\n")) {
    line++;
    if (one.trim() === "") continue;
    const place = `line ${line}`;
    try {
      yield { place, line, value: JSON.parse(one) };
    } catch (error) {
      yield { line, code: "json_syntax", reason: `${place}: it is not JSON (${messageOf(error)})`, cure: EXAMPLE };
    }
  }
}

function* jsonRecords(text: string): Generator<RawOrProblem> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const faults: ParseError[] = [];
    parseTree(text, faults, { disallowComments: true });
    const line = text.slice(0, faults[0]?.offset ?? 0).split("\n").length;
    const cure = "write a list of objects, or an object with a caption for each file name";
    yield { line, code: "json_syntax", reason: `line ${line}: it is not JSON (${messageOf(error)})`, cure };
    return;
  }
  if (Array.isArray(value)) {
    yield* value.map((one, at) => ({ place: `entry ${at + 1}`, value: one }));
  } else if (isRecord(value)) {
    for (const [name, own] of Object.entries(value)) {
      const fields = isRecord(own) ? own : { caption: own };
      yield { place: `entry ${JSON.stringify(name)}`, value: { file_name: name, ...fields } };
    }
  } else {
    yield { code: "list_format", reason: "it is neither a list nor an object", cure: `write [${EXAMPLE}]` };
  }
}

function* csvRecords(text: string): Generator<RawOrProblem> {
  const rows = readCsv(text, guessSeparator(text));
  const first = rows.next();
  if (first.done) return;
  const columns = first.value.cells.map(plainKey);
  const headed = NAMES.some((name) => columns.includes(name));
  if (!headed) {
    const [name = ""] = first.value.cells;
    if (!isMediaName(name)) {
      const reason = `its first line names no column of files (${first.value.cells.slice(0, 8).join(", ")})`;
      yield { line: 1, code: "list_format", reason, cure: "begin it with a line such as file_name,caption" };
      return;
    }
  }
  const keys = headed ? columns : ["file_name", ...columns.slice(1).map((_, at) => `caption_${at + 1}`)];
  const toRaw = ({ line, cells, open }: CsvRow): RawOrProblem => {
    const place = `line ${line}`;
    if (open) {
      const reason = `${place}: a quote that is opened there is never closed`;
      return { line, code: "list_format", reason, cure: 'close it, and write a quote within quotes as ""' };
    }
    const value = Object.fromEntries(
      cells.flatMap((cell, at) => keys[at] && cell.trim() !== "" ? [[keys[at], cell]] : []),
    );
    return { place, line, value };
  };
  if (!headed) yield toRaw(first.value);
  for (const row of rows) yield toRaw(row);
}

/** A file's name, then a separator, then its caption; or the captions alone, in the order of a `videos.txt` beside. */
function* textRecords(path: string, { text, encoding }: { text: string; encoding: string }): Generator<RawOrProblem> {
  const endings = MEDIA_ENDINGS.map((ending) => ending.slice(1)).join("|");
  const pattern = new RegExp(`^["']?(.+?\\.(?:${endings}))["']?(?:\\s*[|,;:\\t]\\s*|\\s+)(\\S.*)$`, "i");
  const lines = text.split(/\r\n|[\r\n]/);
  const names = namesBeside(path, encoding);
  for (const [at, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const place = `line ${at + 1}`;
    const [, name, caption] = pattern.exec(line.trim()) ?? [];
    const own = names?.[at]?.trim();
    if (own) yield { place, line: at + 1, value: { file_name: own, caption: line.trim() } };
    else if (name !== undefined) yield { place, line: at + 1, value: { file_name: name, caption } };
    else {
      const reason = `${place}: it does not begin with the name of a clip or picture`;
      yield { line: at + 1, code: "missing_file_name", reason, cure: "write clip.mp4|what can be seen" };
    }
  }
}

function namesBeside(path: string, encoding: string): readonly string[] | undefined {
  try {
    return readText(join(dirname(path), NAMES_BESIDE), encoding).split(/\r\n|[\r\n]/);
  } catch {
    return undefined; // there is none
  }
}

function toEntry({ place, line, value }: Raw): ListEntry | ListProblem {
  const problem = (code: ListProblem["code"], fact: string): ListProblem => {
    return { line, code, reason: `${place}: ${fact}`, cure: `write ${EXAMPLE}` };
  };
  if (!isRecord(value)) return problem("line_type", "it is not an object");
  const fields = new Map(Object.entries(value).map(([key, own]) => [plainKey(key), own]));
  const nameKey = NAMES.find((key) => fields.has(key));
  const name = nameKey === undefined ? undefined : fields.get(nameKey);
  if (nameKey === undefined || name === "" || name === null) return problem("missing_file_name", "it names no file");
  if (typeof name !== "string") return problem("file_name_type", `the file's name is ${kindOf(name)}, not text`);
  const captions = captionsOf(fields);
  if (captions === undefined) return problem("caption_type", "the caption is neither text nor a list of texts");
  const companion = (keys: readonly string[]): string | undefined => {
    const found = keys.filter((key) => key !== nameKey).map((key) => fields.get(key));
    return found.find((own) => typeof own === "string" && own !== "") as string | undefined;
  };
  return { place, line, name, captions, image: companion(IMAGES), mask: companion(MASKS) };
}

/** All captions of the first spelling that is there: `caption`, `captions`, `caption_2`, `caption_long`; undefined if one is no text. */
function captionsOf(fields: ReadonlyMap<string, unknown>): string[] | undefined {
  for (const pattern of CAPTION_KEYS) {
    const values = [...fields].filter(([key, value]) => pattern.test(key) && value !== null).flatMap(([, value]) =>
      value
    );
    if (values.length === 0) continue;
    if (values.some((value) => typeof value !== "string")) return undefined;
    return (values as string[]).filter((text) => text.trim() !== "");
  }
  return [];
}

function plainKey(key: string): string {
  return key.trim().toLowerCase().replaceAll(/[^a-z0-9]+/g, "_");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}
