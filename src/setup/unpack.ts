/** Taking libtorch out of a wheel, which is a zip file. */

import { configure, ERR_UNSAFE_FILENAME, type FileEntry, Reader, ZipReader } from "@zip.js/zip.js";
import { dirname, join, normalize } from "node:path";
import { diskError, messageOf, SetupError, WantuneError, writeAll } from "../base/mod.ts";

/** What is kept of the wheels: libraries, headers, the version, and the NVIDIA libraries beside torch. */
const KEPT = [
  /^torch\/lib\/[^/]+\.so(\.[^/]*)?$/,
  /^torch\/include\/.+/,
  /^torch\/version\.py$/,
  /^torch\.libs\/[^/]+\.so(\.[^/]*)?$/,
  /^nvidia\/.+\/lib\/[^/]+\.so(\.[^/]*)?$/,
];

/** Whether a file of a wheel is part of libtorch. */
export function isKept(name: string): boolean {
  return KEPT.some((pattern) => pattern.test(name));
}

/** Reads a zip file in place; a wheel is too large to be held in memory. */
class FileReader extends Reader<Deno.FsFile> {
  readonly #file: Deno.FsFile;

  constructor(file: Deno.FsFile) {
    super(file);
    this.#file = file;
    this.size = file.statSync().size;
  }

  override readUint8Array(index: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.size - index)));
    this.#file.seekSync(index, Deno.SeekMode.Start);
    for (let done = 0; done < bytes.length;) {
      const read = this.#file.readSync(bytes.subarray(done));
      if (read === null) return Promise.resolve(bytes.subarray(0, done));
      done += read;
    }
    return Promise.resolve(bytes);
  }
}

/**
 * Unpacks the parts of libtorch from a wheel into a folder.
 * @param options.keep which files are taken; {@linkcode isKept} if absent
 * @param options.onProgress told the bytes written and to write
 * @returns the number of files written
 * @throws {SetupError} if the wheel is damaged, or a path in it leads out of the folder
 * @throws {DiskError} if the disk refuses
 */
export async function unpackWheel(
  wheel: string,
  folder: string,
  options: { keep?: (name: string) => boolean; onProgress?: (done: number, total: number) => void } = {},
): Promise<number> {
  const { keep = isKept, onProgress } = options;
  configure({ useWebWorkers: false });
  using file = Deno.openSync(wheel);
  try {
    const reader = new ZipReader(new FileReader(file));
    const entries = (await reader.getEntries()).filter((entry): entry is FileEntry => !entry.directory);
    for (const entry of entries) checkName(wheel, entry.filename);
    const kept = entries.filter((entry) => keep(entry.filename));
    const total = kept.reduce((sum, entry) => sum + entry.uncompressedSize, 0);
    let done = 0;
    for (const entry of kept) {
      await unpackEntry(entry, join(folder, entry.filename));
      done += entry.uncompressedSize;
      onProgress?.(done, total);
    }
    await reader.close();
    return kept.length;
  } catch (error) {
    if (error instanceof WantuneError) throw error;
    if (messageOf(error) === ERR_UNSAFE_FILENAME) throw leadsElsewhere(wheel, Object(error).filename);
    throw new SetupError(`Cannot unpack "${wheel}": ${messageOf(error)}.`, {
      cure: "fetch it again with `wantune setup --force`",
      cause: error,
    });
  }
}

/** A text file of a wheel whose name ends so, such as `.dist-info/METADATA`; undefined if there is none. */
export async function readFromWheel(wheel: string, ending: string): Promise<string | undefined> {
  configure({ useWebWorkers: false });
  using file = Deno.openSync(wheel);
  const reader = new ZipReader(new FileReader(file));
  const entries = (await reader.getEntries()).filter((entry): entry is FileEntry => !entry.directory);
  const entry = entries.find(({ filename }) => filename.endsWith(ending));
  if (entry === undefined) return undefined;
  const chunks: Uint8Array[] = [];
  await entry.getData(new WritableStream<Uint8Array>({ write: (chunk) => void chunks.push(chunk) }));
  return await new Blob(chunks as BlobPart[]).text();
}

async function unpackEntry(entry: FileEntry, target: string): Promise<void> {
  try {
    Deno.mkdirSync(dirname(target), { recursive: true });
    using file = Deno.openSync(target, { write: true, createNew: true });
    const sink = new WritableStream<Uint8Array>({ write: (chunk) => writeAll(file, chunk) });
    await entry.getData(sink, { checkSignature: true });
    if (/\.so(\.|$)/.test(target)) file.syncSync();
  } catch (error) {
    const system = error instanceof Error && "code" in error && /^E[A-Z]+$/.test(String(error.code));
    throw system ? diskError(`write "${target}"`, error) : error;
  }
}

/** A path that is absolute, climbs or uses the other slash is no honest wheel's. */
function checkName(wheel: string, name: string): void {
  const climbs = name.split("/").some((part) => part === "..");
  if (name.startsWith("/") || name.includes("\\") || name.includes("\0") || climbs || normalize(name) !== name) {
    throw leadsElsewhere(wheel, name);
  }
}

function leadsElsewhere(wheel: string, name: unknown): SetupError {
  return new SetupError(`Cannot unpack "${wheel}": the path ${JSON.stringify(name)} in it leads elsewhere.`, {
    cure: "do not use this file; fetch the wheel from its official place",
  });
}
