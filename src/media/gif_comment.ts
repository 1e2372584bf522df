/** The comment of a GIF, which ffmpeg does not write. Source: GIF89a specification, sections 15, 18 to 20 and 24. */

const EXTENSION = 0x21, COMMENT = 0xfe, IMAGE = 0x2c, TRAILER = 0x3b;
const HEADER_BYTES = 13;

/** A GIF with a comment before its end. @throws {RangeError} if the bytes are no whole GIF */
export function withGifComment(gif: Uint8Array, comment: string): Uint8Array {
  if (gif.at(-1) !== TRAILER) throw new RangeError("gif: the bytes do not end with a trailer");
  const text = new TextEncoder().encode(comment);
  const blocks: number[] = [EXTENSION, COMMENT];
  for (let at = 0; at < text.length; at += 255) {
    const part = text.subarray(at, at + 255);
    blocks.push(part.length, ...part);
  }
  blocks.push(0, TRAILER);
  const out = new Uint8Array(gif.length - 1 + blocks.length);
  out.set(gif.subarray(0, -1));
  out.set(blocks, gif.length - 1);
  return out;
}

/** The last comment of a GIF; undefined if it has none, or the bytes are no whole GIF. */
export function gifComment(gif: Uint8Array): string | undefined {
  const byte = (at: number): number => gif[at] ?? TRAILER;
  const table = (flags: number): number => (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1);
  let comment: string | undefined;
  let at = HEADER_BYTES + table(byte(10));
  while (byte(at) === EXTENSION || byte(at) === IMAGE) {
    const isComment = byte(at) === EXTENSION && byte(at + 1) === COMMENT;
    at += byte(at) === EXTENSION ? 2 : 11 + table(byte(at + 9));
    const parts: number[] = [];
    for (; byte(at) !== 0 && at < gif.length; at += 1 + byte(at)) {
      if (isComment) parts.push(...gif.subarray(at + 1, at + 1 + byte(at)));
    }
    at++;
    if (isComment) comment = new TextDecoder().decode(Uint8Array.from(parts));
  }
  return comment;
}
