/** One safetensors file: its header checked at once, its tensors mapped or read when asked for. */
import { FORMAT_DTYPES } from "./dtypes.ts";
import { type Header, headerLength, LENGTH_BYTES, parseHeader, type TensorEntry } from "./header.ts";
import { type ByteSource, withFileBytes } from "./regions.ts";
import { TensorFile } from "./tensor_file.ts";

/** An open safetensors file, its entries in the order of their bytes. */
export type SafetensorsFile = TensorFile;

/** How one is opened: `open` reads and checks the header and throws a WeightsError that names what is wrong. */
export const SafetensorsFile = {
  open: (path: string): SafetensorsFile => TensorFile.open(path, readHeader),
};

/**
 * The bytes of a tensor, read without libtorch: of one that is no tensor but another file's content.
 * @returns undefined if the file has none of that name
 * @throws {WeightsError} if the file cannot be read, or is damaged
 */
export function readTensorBytes(path: string, name: string): Uint8Array | undefined {
  return withFileBytes(path, (source) => {
    const entry = readHeader(source).entries.get(name);
    return entry && source.read(entry.start, entry.end - entry.start);
  }).value;
}

/** Reads and checks a file's header. @throws {WeightsError} naming what is wrong */
export function readHeader(source: ByteSource): Header {
  const file = { path: source.path, fileSize: source.size };
  const length = headerLength(source.read(0, Math.min(LENGTH_BYTES, source.size)), file);
  return parseHeader(source.read(LENGTH_BYTES, length), file);
}

/** Bytes of all tensors and the types they have, for messages. */
export function describeEntries(entries: Iterable<TensorEntry>): string {
  let count = 0;
  let bytes = 0;
  const dtypes = new Set<string>();
  for (const { start, end, dtype } of entries) {
    count++;
    bytes += end - start;
    dtypes.add(dtype);
  }
  const order = Object.values(FORMAT_DTYPES).map(({ dtype }) => dtype).filter((dtype) => dtypes.has(dtype));
  return `${count} tensors, ${sizeText(bytes)}, ${order.join(" and ") || "empty"}`;
}

/** Bytes for people: `1.4 MB`, in powers of ten. */
export function sizeText(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
