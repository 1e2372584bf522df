/**
 * The directory of a zip archive whose entries are stored as they are. Nothing is unpacked: an entry is a place in the
 * file. Sizes are checked against the file before anything is read; compressed and encrypted entries are refused.
 *
 * Source: PKWARE APPNOTE 6.3.10, sections 4.3.7 (local header), 4.3.12 (directory), 4.3.14 to 4.3.16 (its end), 4.5.3
 * (zip64).
 */

import { WeightsError } from "../../base/mod.ts";
import { shown } from "../header.ts";
import type { ByteSource } from "../regions.ts";

/** One stored file of the archive. */
export interface ZipEntry {
  readonly name: string;
  /** Bytes of its content. */
  readonly size: number;
  /** Where its local header begins. */
  readonly header: number;
}

/** An archive's directory. */
export interface ZipDirectory {
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /** Where the directory begins; contents end before. */
  readonly start: number;
}

const END = 0x06054b50, END64 = 0x06064b50, LOCATOR64 = 0x07064b50, ENTRY = 0x02014b50, LOCAL = 0x04034b50;
const END_BYTES = 22, LOCATOR64_BYTES = 20, END64_BYTES = 56, ENTRY_BYTES = 46, LOCAL_BYTES = 30;
const LONGEST_COMMENT = 0xffff;
/** Bytes at an archive's end in which the record that ends it begins. */
const TAIL_BYTES = END_BYTES + LONGEST_COMMENT;
/** Directories beyond this are no weight file's: a tensor's entry takes about 100 bytes. */
const MAX_DIRECTORY_BYTES = 64_000_000;
const IS_ENCRYPTED = 1;

/**
 * An archive whose end is read once and whose other parts, all together, may not be longer than the file: directories that
 * send the reader to the same place again and again are refused.
 */
export class ArchiveBytes implements ByteSource {
  readonly path: string;
  readonly size: number;
  readonly #source: ByteSource;
  readonly #tail: Uint8Array;
  #left: number;

  constructor(source: ByteSource) {
    this.#source = source;
    this.path = source.path;
    this.size = this.#left = source.size;
    const length = Math.min(source.size, TAIL_BYTES);
    this.#tail = source.read(source.size - length, length);
  }

  read(offset: number, length: number): Uint8Array {
    const inTail = offset - (this.size - this.#tail.length);
    if (inTail >= 0) return this.#tail.subarray(inTail, inTail + length);
    this.#left -= length;
    if (this.#left < 0) throw damaged(this, "its parts lie over each other");
    return this.#source.read(offset, length);
  }
}

/** Whether a file begins as zip archives do. */
export function looksLikeZip(prefix: Uint8Array): boolean {
  return prefix.length >= 4 && viewOf(prefix).getUint32(0, true) === LOCAL;
}

/**
 * Reads an archive's directory.
 * @throws {WeightsError} if it is damaged, or an entry is compressed, encrypted or there twice
 */
export function readZipDirectory(source: ByteSource): ZipDirectory {
  const { start, size, count } = findDirectory(source);
  const bytes = source.read(start, size);
  const view = viewOf(bytes);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + ENTRY_BYTES > size || view.getUint32(at, true) !== ENTRY) {
      throw damaged(source, `its directory breaks off at entry ${i} of ${count}`);
    }
    const nameBytes = view.getUint16(at + 28, true), extraBytes = view.getUint16(at + 30, true);
    const next = at + ENTRY_BYTES + nameBytes + extraBytes + view.getUint16(at + 32, true);
    if (next > size) throw damaged(source, `its directory breaks off at entry ${i} of ${count}`);
    const nameEnd = at + ENTRY_BYTES + nameBytes;
    const name = new TextDecoder().decode(bytes.subarray(at + ENTRY_BYTES, nameEnd));
    const place = placeOf(view, { at, extra: [nameEnd, nameEnd + extraBytes] });
    if (view.getUint16(at + 8, true) & IS_ENCRYPTED) throw damaged(source, `${shown(name)} in it is encrypted`);
    if (view.getUint16(at + 10, true) !== 0 || place.packed !== place.size) {
      throw damaged(source, `${shown(name)} in it is compressed`, "save it again with torch.save");
    }
    if (!(place.size <= start && place.header <= start - LOCAL_BYTES)) {
      throw damaged(source, `${shown(name)} in it lies outside the file`);
    }
    if (entries.has(name)) throw damaged(source, `${shown(name)} is in it twice`);
    entries.set(name, { name, size: place.size, header: place.header });
    at = next;
  }
  if (at !== size) throw damaged(source, "its directory is longer than its entries");
  return { entries, start };
}

/** Where an entry's content begins: behind its local header, which must agree with the directory. */
export function contentStart(source: ByteSource, entry: ZipEntry, directory: ZipDirectory): number {
  const wrong = (): WeightsError => damaged(source, `${shown(entry.name)} is not where its directory says`);
  const view = viewOf(source.read(entry.header, LOCAL_BYTES));
  if (view.getUint32(0, true) !== LOCAL) throw wrong();
  const nameBytes = view.getUint16(26, true);
  const start = entry.header + LOCAL_BYTES + nameBytes + view.getUint16(28, true);
  if (start + entry.size > directory.start) throw wrong();
  const name = new TextDecoder().decode(source.read(entry.header + LOCAL_BYTES, nameBytes));
  if (name !== entry.name) throw wrong();
  return start;
}

/** The directory's place, from the record at the archive's end. */
function findDirectory(source: ByteSource): { start: number; size: number; count: number } {
  const tailStart = Math.max(0, source.size - TAIL_BYTES);
  const tail = source.read(tailStart, source.size - tailStart);
  const view = viewOf(tail);
  let end = tail.length - END_BYTES;
  while (
    end >= 0 && !(view.getUint32(end, true) === END && end + END_BYTES + view.getUint16(end + 20, true) === tail.length)
  ) {
    end--;
  }
  if (end < 0) throw damaged(source, "it has no directory at its end (is it cut off?)");
  let count = view.getUint16(end + 10, true),
    size = view.getUint32(end + 12, true),
    start = view.getUint32(end + 16, true);
  let limit = tailStart + end;
  if (end >= LOCATOR64_BYTES && view.getUint32(end - LOCATOR64_BYTES, true) === LOCATOR64) {
    const at = toNumber(view.getBigUint64(end - LOCATOR64_BYTES + 8, true));
    limit -= LOCATOR64_BYTES;
    if (!(at <= limit - END64_BYTES)) throw damaged(source, "its directory lies outside the file");
    const wide = viewOf(source.read(at, END64_BYTES));
    if (wide.getUint32(0, true) !== END64) throw damaged(source, "the end of its directory is not where it says");
    count = toNumber(wide.getBigUint64(32, true));
    size = toNumber(wide.getBigUint64(40, true));
    start = toNumber(wide.getBigUint64(48, true));
    limit = at;
  }
  if (!(size <= limit && start <= limit - size)) throw damaged(source, "its directory lies outside the file");
  if (size > MAX_DIRECTORY_BYTES || count > size / ENTRY_BYTES) {
    throw damaged(source, `its directory of ${count} entries in ${size} bytes is refused`);
  }
  return { start, size, count };
}

/** Sizes and offset of a directory entry, with the zip64 field where 32 bits are not enough. */
function placeOf(
  view: DataView,
  { at, extra }: { at: number; extra: readonly [number, number] },
): { packed: number; size: number; header: number } {
  const short = {
    size: view.getUint32(at + 24, true),
    packed: view.getUint32(at + 20, true),
    header: view.getUint32(at + 42, true),
  };
  let [field, end] = extra;
  for (; field + 4 <= end; field += 4 + view.getUint16(field + 2, true)) {
    if (view.getUint16(field, true) !== 1) continue;
    end = Math.min(end, field + 4 + view.getUint16(field + 2, true));
    let next = field + 4;
    const wide = (value: number): number => {
      if (value !== 0xffffffff || next + 8 > end) return value;
      next += 8;
      return toNumber(view.getBigUint64(next - 8, true));
    };
    return { size: wide(short.size), packed: wide(short.packed), header: wide(short.header) };
  }
  return short;
}

/** A 64-bit number; what a double cannot hold lies outside of every file. */
function toNumber(value: bigint): number {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : Infinity;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The refusal of an archive. */
export function damaged(source: ByteSource, fact: string, cure = "download or save the file again"): WeightsError {
  return new WeightsError(`Cannot read ${shown(source.path)}: ${fact}`, { cure });
}
