/** Fetching a large file: goes on where it stopped, checks the hash, and never leaves a half file under the final name. */

import { DiskError, diskError, messageOf, SetupError, sha256File, syncFolder, writeAll } from "../base/mod.ts";
import { dirname } from "node:path";

/** Told as bytes arrive. */
export type DownloadProgress = (doneBytes: number, totalBytes: number | undefined) => void;

/** How a download is done. */
export interface DownloadOptions {
  /** SHA-256 in hex that the file must have. */
  readonly sha256?: string | undefined;
  readonly onProgress?: DownloadProgress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How often in a row a broken connection is tried anew without a byte gained. */
  readonly retries?: number;
  /** Seconds before the first new try; doubled for each next one. */
  readonly pauseSeconds?: number;
  /** Seconds without a byte after which a connection counts as broken. */
  readonly idleSeconds?: number;
}

/** A refusal by the server that another try would not change. */
class Refused extends SetupError {}

/**
 * Downloads `url` to `path`. What has arrived is kept as `path.part`, also when this fails, and the next call goes on there.
 * @throws {SetupError} if the server refuses, the connection stays broken, or the hash is wrong
 * @throws {DiskError} if the disk refuses
 */
export async function download(url: string, path: string, options: DownloadOptions = {}): Promise<void> {
  const { retries = 5, pauseSeconds = 1, signal } = options;
  const part = `${path}.part`;
  for (let failures = 0;;) {
    signal?.throwIfAborted();
    const before = sizeOf(part);
    try {
      if (await attempt(url, part, options)) break;
      throw new Error("the connection ended early");
    } catch (error) {
      if (error instanceof Refused || error instanceof DiskError || signal?.aborted) throw error;
      failures = sizeOf(part) > before ? 1 : failures + 1;
      if (failures > retries) {
        throw new SetupError(`Cannot download ${url}: ${messageOf(error)}.`, {
          cure: "check the network and run it again: it goes on where it stopped",
          cause: error,
        });
      }
      await pause(pauseSeconds * 2 ** (failures - 1), signal);
    }
  }
  if (options.sha256 !== undefined) checkHash(url, part, options.sha256);
  Deno.renameSync(part, path);
  syncFolder(dirname(path));
}

/** Fetches what is missing of the part. @returns whether the file is complete now */
async function attempt(url: string, part: string, options: DownloadOptions): Promise<boolean> {
  const { onProgress, signal, idleSeconds = 60 } = options;
  const have = sizeOf(part);
  const idle = new AbortController();
  let timer = setTimeout(() => idle.abort(new Error(`nothing came for ${idleSeconds} s`)), idleSeconds * 1000);
  const alive = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => idle.abort(new Error(`nothing came for ${idleSeconds} s`)), idleSeconds * 1000);
  };
  try {
    const response = await fetch(url, {
      headers: have > 0 ? { range: `bytes=${have}-` } : {},
      signal: signal === undefined ? idle.signal : AbortSignal.any([signal, idle.signal]),
    });
    if (response.status === 416 && have > 0) { // more than there is: what we have is of another file, or already whole
      await response.body?.cancel();
      const total = Number(/\*\/(\d+)/.exec(response.headers.get("content-range") ?? "")?.[1]);
      if (total === have) return true;
      Deno.removeSync(part);
      return false;
    }
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      const text = `Cannot download ${url}: the server answers ${response.status} ${response.statusText}`.trimEnd() +
        ".";
      if (response.status >= 500 || response.status === 429) throw new Error(`the server answers ${response.status}`);
      throw new Refused(text, { cure: "check the address, or name a mirror with WANTUNE_WHEEL_INDEX" });
    }
    const start = startOf(response, have);
    const length = Number(response.headers.get("content-length") ?? NaN);
    const total = Number.isFinite(length) ? start + length : undefined;
    using file = openPart(part, start);
    let done = start;
    for await (const bytes of response.body) {
      alive();
      try {
        writeAll(file, bytes);
      } catch (error) {
        throw diskError(`write "${part}"`, error);
      }
      done += bytes.length;
      onProgress?.(done, total);
    }
    file.syncSync();
    return total === undefined || done === total;
  } finally {
    clearTimeout(timer);
  }
}

/** Where the answer begins: after what we have if the server obeys the range, else at the start. */
function startOf(response: Response, have: number): number {
  if (response.status !== 206) return 0;
  const start = Number(/^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1] ?? NaN);
  return start === have ? have : refuseRange(response, have);
}

function refuseRange(response: Response, have: number): never {
  throw new Error(`the server sent "${response.headers.get("content-range")}" when asked for bytes from ${have}`);
}

function openPart(part: string, start: number): Deno.FsFile {
  try {
    const file = Deno.openSync(part, { write: true, create: true });
    file.truncateSync(start);
    file.seekSync(start, Deno.SeekMode.Start);
    return file;
  } catch (error) {
    throw diskError(`write "${part}"`, error);
  }
}

function checkHash(url: string, part: string, wanted: string): void {
  const found = sha256File(part);
  if (found === wanted.toLowerCase()) return;
  Deno.removeSync(part);
  throw new SetupError(`Cannot use ${url}: its SHA-256 is ${found}, the index says ${wanted}.`, {
    cure: "run it again; if it stays so, the mirror or a proxy alters the file",
  });
}

function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch {
    return 0;
  }
}

function pause(seconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}
