/**
 * The file format of TensorBoard: records framed with checksums, each a protocol buffer.
 * Source: tensorflow core/lib/io/record_writer.h (framing), core/util/event.proto and core/framework/summary.proto (fields);
 * RFC 3720, appendix B.4 (CRC32C).
 */

/** One number under a name. */
export interface Scalar {
  readonly tag: string;
  readonly value: number;
}

/** What an event holds besides its time: a version that begins a file, numbers, or that a process begins at a step. */
export type EventContent =
  | { readonly kind: "version" }
  | { readonly kind: "scalars"; readonly step: number; readonly scalars: readonly Scalar[] }
  | { readonly kind: "start"; readonly step: number };

/** The record of an event. @param seconds since 1970 */
export function eventRecord(content: EventContent, seconds: number): Uint8Array {
  const parts = [double(1, seconds)];
  if (content.kind !== "version") parts.push(varint(2, content.step));
  switch (content.kind) {
    case "version":
      parts.push(text(3, "brain.Event:2"));
      break;
    case "scalars":
      parts.push(
        bytes(5, join(content.scalars.map(({ tag, value }) => bytes(1, join([text(1, tag), float(2, value)]))))),
      );
      break;
    case "start": // readers forget what they have of this step and later ones
      parts.push(bytes(7, varint(1, 1)));
      break;
  }
  return framed(join(parts));
}

/** Length, its checksum, the data, its checksum; all little-endian. */
function framed(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(data.length + 16);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, masked(crc32c(record.subarray(0, 8))), true);
  record.set(data, 12);
  view.setUint32(12 + data.length, masked(crc32c(data)), true);
  return record;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** The Castagnoli checksum of bytes. */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ byte) & 0xff] ?? 0);
  return ~crc >>> 0;
}

/** The checksum turned and shifted, so that a checksum of data that holds checksums stays one. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function double(field: number, value: number): Uint8Array {
  const out = new Uint8Array(9);
  out[0] = field << 3 | 1;
  new DataView(out.buffer).setFloat64(1, value, true);
  return out;
}

function float(field: number, value: number): Uint8Array {
  const out = new Uint8Array(5);
  out[0] = field << 3 | 5;
  new DataView(out.buffer).setFloat32(1, value, true);
  return out;
}

function varint(field: number, value: number): Uint8Array {
  return Uint8Array.from([field << 3, ...digits(value)]);
}

function bytes(field: number, content: Uint8Array): Uint8Array {
  return join([Uint8Array.from([field << 3 | 2, ...digits(content.length)]), content]);
}

function text(field: number, content: string): Uint8Array {
  return bytes(field, new TextEncoder().encode(content));
}

/** A number in groups of seven bits, the lowest first. */
function digits(value: number): number[] {
  const groups: number[] = [];
  for (let rest = value; groups.length === 0 || rest > 0; rest = Math.floor(rest / 128)) {
    groups.push(rest % 128 + (rest >= 128 ? 128 : 0));
  }
  return groups;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
