/**
 * The header of a JPEG, PNG or WebP file: its size before anything is unpacked, how it is to be turned, and whether it
 * is one picture or several.
 *
 * Orientations are numbered as in EXIF (tag 0x0112): 1 as stored, 2 mirrored left to right, 3 turned by 180 degrees, 4
 * mirrored top to bottom, 5 mirrored along the main diagonal, 6 to be turned clockwise by 90, 7 mirrored along the other
 * diagonal, 8 to be turned anticlockwise by 90.
 */

/** How stored rows and columns become the picture that is shown, numbered as in EXIF. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** Facts of a picture's header. */
export interface PictureHeader {
  readonly format: "jpeg" | "png" | "webp";
  /** As stored. */
  readonly width: number;
  readonly height: number;
  readonly orientation: Orientation;
  readonly animated: boolean;
}

/** Chunks of a PNG that hold text; they may unpack to far more than they weigh and change no pixel. */
const PNG_TEXT = new Set(["tEXt", "zTXt", "iTXt"]);

/**
 * Reads the header of a whole picture file.
 * @returns undefined if the size cannot be found (damaged or cut off in the header)
 */
export function readPictureHeader(bytes: Uint8Array): PictureHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    if (view.getUint16(0) === 0xffd8) return readJpeg(view);
    if (view.getUint32(0) === 0x89504e47) return readPng(view);
    if (ascii(view, 0, 4) === "RIFF" && ascii(view, 8, 4) === "WEBP") return readWebp(view);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // ran past the end
  }
  return undefined;
}

function readJpeg(view: DataView): PictureHeader | undefined {
  let orientation: Orientation = 1;
  for (let at = 2; at + 4 <= view.byteLength;) {
    if (view.getUint8(at) !== 0xff) return undefined;
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at++; // fill byte
      continue;
    }
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2; // markers without content
      continue;
    }
    const length = view.getUint16(at + 2);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) {
      const height = view.getUint16(at + 5);
      const width = view.getUint16(at + 7);
      return { format: "jpeg", width, height, orientation, animated: false };
    }
    if (marker === 0xda || marker === 0xd9) return undefined;
    if (marker === 0xe1 && ascii(view, at + 4, 6) === "Exif\0\0") {
      orientation = exifOrientation(part(view, at + 10, length - 8));
    }
    at += 2 + length;
  }
  return undefined;
}

function readPng(view: DataView): PictureHeader {
  const width = view.getUint32(16);
  const height = view.getUint32(20);
  let animated = false;
  let orientation: Orientation = 1;
  for (const { type, at, length } of pngChunks(view)) {
    if (type === "acTL") animated = view.getUint32(at + 8) > 1;
    if (type === "eXIf") orientation = exifOrientation(part(view, at + 8, length));
  }
  return { format: "png", width, height, orientation, animated };
}

function readWebp(view: DataView): PictureHeader | undefined {
  let size: { width: number; height: number } | undefined;
  let orientation: Orientation = 1;
  let animated = false;
  for (let at = 12; at + 8 <= view.byteLength;) {
    const type = ascii(view, at, 4);
    const length = view.getUint32(at + 4, true);
    const body = at + 8;
    if (type === "VP8X") {
      animated = (view.getUint8(body) & 0x02) !== 0;
      size = { width: 1 + uint24(view, body + 4), height: 1 + uint24(view, body + 7) };
    } else if (type === "VP8 " && size === undefined) {
      size = { width: view.getUint16(body + 6, true) & 0x3fff, height: view.getUint16(body + 8, true) & 0x3fff };
    } else if (type === "VP8L" && size === undefined) {
      const bits = view.getUint32(body + 1, true);
      size = { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) };
    } else if (type === "EXIF" && body + length <= view.byteLength) {
      const skip = ascii(view, body, 6) === "Exif\0\0" ? 6 : 0;
      orientation = exifOrientation(part(view, body + skip, length - skip));
    }
    at = body + length + (length & 1);
  }
  return size && { format: "webp", ...size, orientation, animated };
}

/** The orientation in a block of EXIF data (a small TIFF); 1 where there is none or it is not valid. */
export function exifOrientation(tiff: DataView): Orientation {
  try {
    const little = tiff.getUint16(0) === 0x4949;
    const start = tiff.getUint32(4, little);
    const count = tiff.getUint16(start, little);
    for (let entry = start + 2; entry < start + 2 + 12 * count; entry += 12) {
      if (tiff.getUint16(entry, little) !== 0x0112) continue;
      const value = tiff.getUint16(entry + 8, little);
      return value >= 1 && value <= 8 ? value as Orientation : 1;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return 1;
}

/** A PNG without its text chunks; other bytes are returned as they are. */
export function withoutPngText(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8 || view.getUint32(0) !== 0x89504e47) return bytes;
  const text = pngChunks(view).filter(({ type }) => PNG_TEXT.has(type));
  if (text.length === 0) return bytes;
  const kept: Uint8Array[] = [];
  let from = 0;
  for (const { at, length } of text) {
    kept.push(bytes.subarray(from, at));
    from = at + 12 + length;
  }
  kept.push(bytes.subarray(from));
  const result = new Uint8Array(kept.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of kept) {
    result.set(piece, at);
    at += piece.length;
  }
  return result;
}

function pngChunks(view: DataView): { type: string; at: number; length: number }[] {
  const chunks: { type: string; at: number; length: number }[] = [];
  for (let at = 8; at + 12 <= view.byteLength;) {
    const length = view.getUint32(at);
    if (at + 12 + length > view.byteLength) break;
    chunks.push({ type: ascii(view, at + 4, 4), at, length });
    at += 12 + length;
  }
  return chunks;
}

function part(view: DataView, at: number, length: number): DataView {
  return new DataView(view.buffer, view.byteOffset + at, Math.max(0, Math.min(length, view.byteLength - at)));
}

function ascii(view: DataView, at: number, length: number): string {
  let text = "";
  for (let i = at; i < Math.min(at + length, view.byteLength); i++) text += String.fromCharCode(view.getUint8(i));
  return text;
}

function uint24(view: DataView, at: number): number {
  return view.getUint8(at) | (view.getUint8(at + 1) << 8) | (view.getUint8(at + 2) << 16);
}
