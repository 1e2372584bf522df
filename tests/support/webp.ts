/** Animated WebP files, put together from single pictures. */

/** A picture in one colour, or the chunks of one. */
export interface WebpPicture {
  readonly width: number;
  readonly height: number;
  readonly chunks: Uint8Array;
}

/** A frame of an animation; what is not named is as a writer leaves it. */
export interface WebpPlace extends WebpPicture {
  readonly left?: number;
  readonly top?: number;
  readonly duration?: number;
  readonly blend?: boolean;
  readonly clear?: boolean;
}

/** A lossless picture in one colour. @param rgba of each pixel, 0 to 255 */
export function solid(
  { width, height, rgba }: { width: number; height: number; rgba: readonly [number, number, number, number] },
): WebpPicture {
  const bits: number[] = [];
  const put = (value: number, count: number): void => {
    for (let i = 0; i < count; i++) bits.push((value >> i) & 1);
  };
  const [red, green, blue, alpha] = rgba;
  put(0x2f, 8);
  put(width - 1, 14);
  put(height - 1, 14);
  put(alpha < 255 ? 1 : 0, 1);
  put(0, 3 + 3); // version; no transform, no colour cache, one group of codes
  for (const symbol of [green, red, blue, alpha]) {
    put(0b101, 3); // a code of one symbol, which has eight bits: no pixel takes any
    put(symbol, 8);
  }
  put(0b0001, 4); // distances: one symbol of one bit
  const bytes = new Uint8Array(Math.ceil(bits.length / 8));
  bits.forEach((bit, at) => bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (bit << (at & 7)));
  return { width, height, chunks: chunk("VP8L", bytes) };
}

/** The picture in a still WebP file, with its opacity. */
export function pictureOf(still: Uint8Array, size: { width: number; height: number }): WebpPicture {
  const view = new DataView(still.buffer, still.byteOffset);
  const kept: Uint8Array[] = [];
  for (let at = 12; at + 8 <= still.length;) {
    const length = view.getUint32(at + 4, true);
    const end = at + 8 + length + (length & 1);
    if (/ALPH|VP8[ L]/.test(new TextDecoder().decode(still.subarray(at, at + 4)))) kept.push(still.subarray(at, end));
    at = end;
  }
  return { ...size, chunks: concat(kept) };
}

/** The bytes of an animated WebP. @param canvas.orientation as in EXIF, told behind the frames */
export function animatedWebp(
  { orientation, ...canvas }: { width: number; height: number; orientation?: number },
  frames: readonly WebpPlace[],
): Uint8Array {
  const head = new Uint8Array(10);
  head[0] = 0x12; // animated, with opacity
  put24(head, 4, canvas.width - 1);
  put24(head, 7, canvas.height - 1);
  const background = Uint8Array.from([0, 200, 0, 255, 0, 0]); // green, which nobody shows; endless
  const body = concat([
    new TextEncoder().encode("WEBP"),
    chunk("VP8X", head),
    chunk("ANIM", background),
    ...frames.map((frame) => chunk("ANMF", frameBody(frame))),
    ...(orientation === undefined ? [] : [chunk("EXIF", exif(orientation))]),
  ]);
  return chunk("RIFF", body);
}

/** A small TIFF with one entry. */
function exif(orientation: number): Uint8Array {
  const entry = [0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0];
  return Uint8Array.from([0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, ...entry, 0, 0, 0, 0]);
}

function frameBody(
  { left = 0, top = 0, width, height, duration = 100, blend = true, clear = false, chunks }: WebpPlace,
): Uint8Array {
  const head = new Uint8Array(16);
  [left / 2, top / 2, width - 1, height - 1, duration].forEach((value, index) => put24(head, index * 3, value));
  head[15] = (blend ? 0 : 2) | (clear ? 1 : 0);
  return concat([head, chunks]);
}

function put24(bytes: Uint8Array, at: number, value: number): void {
  bytes.set([value & 255, (value >> 8) & 255, value >> 16], at);
}

function chunk(type: string, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + body.length + (body.length & 1));
  bytes.set(new TextEncoder().encode(type));
  new DataView(bytes.buffer).setUint32(4, body.length, true);
  bytes.set(body, 8);
  return bytes;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
