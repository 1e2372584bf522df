/** Raw frames with their times as a Matroska stream, the simplest container that takes any times and goes through a pipe. */

import type { Size } from "./crop.ts";

const NANOSECONDS_A_TICK = 1_000_000;
const UNKNOWN_SIZE = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
/** How ffmpeg calls packed 8-bit red, green, blue. Source: FFmpeg, libavcodec/raw.c, `raw_pix_fmt_tags`. */
const RGB24 = Uint8Array.from([0x52, 0x47, 0x42, 24]);

/** What comes before the frames: one track of uncompressed RGB, its clock in milliseconds. Source: RFC 9559. */
export function matroskaHead({ width, height }: Size): Uint8Array<ArrayBuffer> {
  const type = element(0x1a45dfa3, [element(0x4282, [text("matroska")]), number(0x4287, 4), number(0x4285, 2)]);
  const info = element(0x1549a966, [number(0x2ad7b1, NANOSECONDS_A_TICK)]);
  const video = element(0xe0, [number(0xb0, width), number(0xba, height), element(0x2eb524, [RGB24])]);
  const codec = element(0x86, [text("V_UNCOMPRESSED")]);
  const track = element(0xae, [number(0xd7, 1), number(0x73c5, 1), number(0x83, 1), number(0x9c, 0), codec, video]);
  const segment = Uint8Array.from([...idBytes(0x18538067), ...UNKNOWN_SIZE]);
  return join([type, segment, info, element(0x1654ae6b, [track])]);
}

/** What comes before one frame's bytes: a cluster of its own. @param time in milliseconds */
export function matroskaFrameHead({ time, bytes }: { time: number; bytes: number }): Uint8Array<ArrayBuffer> {
  const blockHead = Uint8Array.from([0x81, 0, 0, 0x80]); // track 1, at the cluster's time, a key frame
  const block = join([idBytes(0xa3), sizeBytes(blockHead.length + bytes), blockHead]);
  const stamp = number(0xe7, time);
  return join([idBytes(0x1f43b675), sizeBytes(stamp.length + block.length + bytes), stamp, block]);
}

function element(id: number, parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const body = join(parts);
  return join([idBytes(id), sizeBytes(body.length), body]);
}

function number(id: number, value: number): Uint8Array<ArrayBuffer> {
  return element(id, [bigEndian(BigInt(value))]);
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function idBytes(id: number): Uint8Array {
  const bytes = bigEndian(BigInt(id));
  return bytes.subarray(bytes.findIndex((byte) => byte !== 0));
}

/** A length in eight bytes, the first of which says that there are eight. */
function sizeBytes(size: number): Uint8Array {
  return bigEndian(BigInt(size) | (1n << 56n));
}

function bigEndian(value: bigint): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
