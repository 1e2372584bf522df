/** Pictures as PNG: an encoder for 8-bit RGB, without ffmpeg. */

import { crc32, deflateSync } from "node:zlib";
import { writeAtomically } from "../base/mod.ts";
import type { Size } from "./crop.ts";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const PAETH = 4;

/**
 * Writes a PNG; it appears whole or not at all.
 * @param rgb [H, W, 3], 0 to 255
 * @throws {DiskError} if the disk refuses
 */
export function writePng(path: string, rgb: Uint8Array, size: Size): void {
  writeAtomically(path, encodePng(rgb, size));
}

/**
 * The bytes of a PNG file.
 * @param rgb [H, W, 3], 0 to 255
 * @throws {RangeError} if the number of bytes does not fit the size
 */
export function encodePng(rgb: Uint8Array, { width, height }: Size): Uint8Array {
  if (rgb.length !== width * height * 3 || rgb.length === 0) {
    throw new RangeError(`rgb: ${rgb.length} bytes are no ${width}x${height} RGB picture`);
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, 2, 0, 0, 0], 8); // 8 bits, RGB, deflate, adaptive filters, not interlaced
  const parts = [
    Uint8Array.from(SIGNATURE),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(filterRows(rgb, { width, height }))),
    chunk("IEND", new Uint8Array(0)),
  ];
  const file = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

/** Each row behind its filter's number; every byte less what its neighbours predict. Source: PNG specification, 9.4 */
function filterRows(rgb: Uint8Array, { width, height }: Size): Uint8Array {
  const stride = width * 3;
  const rows = new Uint8Array((stride + 1) * height);
  for (let y = 0; y < height; y++) {
    const to = y * (stride + 1);
    rows[to] = PAETH;
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x;
      const left = x >= 3 ? rgb[at - 3] ?? 0 : 0;
      const up = y > 0 ? rgb[at - stride] ?? 0 : 0;
      const corner = x >= 3 && y > 0 ? rgb[at - stride - 3] ?? 0 : 0;
      rows[to + 1 + x] = (rgb[at] ?? 0) - nearest(left, up, corner);
    }
  }
  return rows;
}

/** The neighbour closest to left + up - corner. */
function nearest(left: number, up: number, corner: number): number {
  const guess = left + up - corner;
  const toLeft = Math.abs(guess - left);
  const toUp = Math.abs(guess - up);
  const toCorner = Math.abs(guess - corner);
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}

function chunk(type: string, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, body.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(body, 8);
  view.setUint32(8 + body.length, crc32(bytes.subarray(4, 8 + body.length)));
  return bytes;
}
