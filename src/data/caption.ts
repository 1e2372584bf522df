/** Captions: the text file beside a clip, as one line of clean text. */

import { DataError } from "../base/mod.ts";

/** A caption that was read, and what was done to it. */
export interface Caption {
  /** One line; may be empty. */
  readonly text: string;
  readonly notes: readonly string[];
}

const MOST_BYTES = 1 << 20;
/** The text encoder reads 512 tokens; common words are one to two each. A guess, for a warning only. */
const LONG_CAPTION = 2500;
// deno-lint-ignore no-control-regex
const CONTROLS = /[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;

/**
 * Reads a caption's bytes: UTF-8, with or without a byte order mark, or UTF-16 with one. Lines are joined by a blank,
 * control characters are taken out.
 * @throws {DataError} if it is no text, in another encoding or longer than 1 MiB
 */
export function decodeCaption(bytes: Uint8Array): Caption {
  if (bytes.length > MOST_BYTES) {
    throw new DataError("its caption is longer than 1 MiB", { cure: "is this the right text file? Shorten it" });
  }
  const raw = decode(bytes);
  if (raw.includes("\0")) {
    throw new DataError("its caption holds NUL characters, so it is not plain text", {
      cure: "save the caption as UTF-8 text",
    });
  }
  const notes: string[] = [];
  const clean = raw.replaceAll(CONTROLS, "");
  if (clean !== raw) notes.push("control characters were taken out of its caption");
  const text = clean.split(/\r\n|[\r\n\u2028\u2029]/).map((line) => line.trim()).filter((line) => line !== "").join(
    " ",
  );
  if (text.length > LONG_CAPTION) {
    notes.push(`its caption has ${text.length} characters; the text encoder cuts it off after 512 tokens`);
  }
  if (/^[{[].*[}\]]$/.test(text) && isJson(text)) {
    notes.push("its caption looks like JSON; it is used letter by letter");
  }
  return { text, notes };
}

function decode(bytes: Uint8Array): string {
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe
    ? "utf-16le"
    : bytes[0] === 0xfe && bytes[1] === 0xff
    ? "utf-16be"
    : "utf-8";
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new DataError(`its caption is not valid ${encoding.toUpperCase()} text`, {
      cure: "save the caption as UTF-8 text",
      cause,
    });
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
