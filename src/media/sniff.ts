/** What a file is by its first bytes, since endings lie. */

/** Kinds of content that are told apart. */
export type Content =
  | "jpeg"
  | "png"
  | "webp"
  | "gif"
  | "video"
  | "empty"
  | "zeros"
  | "html"
  | "text"
  | "unknown";

/** Bytes that {@linkcode sniff} wants to see. */
export const SNIFF_BYTES = 512;

/**
 * The kind of content that begins with these bytes. "video" means a container ffmpeg may try (MP4, MOV, Matroska,
 * WebM, AVI, MPEG-TS); "unknown" says nothing.
 */
export function sniff(head: Uint8Array): Content {
  if (head.length === 0) return "empty";
  if (starts(head, [0xff, 0xd8, 0xff])) return "jpeg";
  if (starts(head, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) return "png";
  const text = String.fromCharCode(...head.subarray(0, 64));
  if (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP") return "webp";
  if (text.startsWith("GIF8")) return "gif";
  if (text.startsWith("RIFF") && text.slice(8, 12) === "AVI ") return "video";
  if (/^(ftyp|moov|mdat|wide|free|skip|styp)$/.test(text.slice(4, 8))) return "video";
  if (starts(head, [0x1a, 0x45, 0xdf, 0xa3])) return "video"; // Matroska, WebM
  if (head[0] === 0x47 && head[188] === 0x47) return "video"; // MPEG-TS
  if (head.every((byte) => byte === 0)) return "zeros";
  if (/^\s*(<!doctype html|<html|<head|<\?xml)/i.test(text)) return "html";
  if (head.every((byte) => byte >= 0x20 && byte < 0x7f || byte === 9 || byte === 10 || byte === 13)) return "text";
  return "unknown";
}

/** Reads the first bytes of a file and tells its kind. @throws errors of the system */
export function sniffFile(path: string): Content {
  using file = Deno.openSync(path);
  const head = new Uint8Array(SNIFF_BYTES);
  let filled = 0;
  while (filled < head.length) {
    const read = file.readSync(head.subarray(filled));
    if (read === null) break;
    filled += read;
  }
  return sniff(head.subarray(0, filled));
}

function starts(head: Uint8Array, bytes: readonly number[]): boolean {
  return head.length >= bytes.length && bytes.every((byte, at) => head[at] === byte);
}
