/** Fetching a large file: goes on where it stopped, checks the hash, and never leaves a half file under the final name. */

import { dirname } from "node:path";
import { syncFolder } from "./atomic.ts";
import { diskError } from "./disk.ts";
import { messageOf, SetupError, WantuneError, WeightsError } from "./errors.ts";
import { type Digest, fileSize, PartialFile } from "./partial.ts";
import { Passing, retrying, type RetryOptions } from "./retry.ts";

/** Told as bytes arrive. */
export type DownloadProgress = (doneBytes: number, totalBytes: number | undefined) => void;

/** How a download is done. */
export interface DownloadOptions extends RetryOptions {
  /** What to call it in messages; its address if absent. */
  readonly what?: string | undefined;
  /** Where arriving bytes are kept; `path` with `.partial` behind it if absent. */
  readonly partial?: string | undefined;
  /** Bytes of the whole file, where they are known. */
  readonly size?: number | undefined;
  /** The hash that the file must have. */
  readonly digest?: Digest | undefined;
  readonly onProgress?: DownloadProgress | undefined;
  /** Seconds without a byte after which a connection counts as broken. */
  readonly idleSeconds?: number | undefined;
  /** Asks for the address with these headers; `fetch` if absent. */
  readonly request?: (headers: Record<string, string>, signal: AbortSignal) => Promise<Response>;
  /** The error for an answer that another try would not change. */
  readonly refused?: (response: Response) => WantuneError;
}

/**
 * Downloads `url` to `path`. What has arrived is kept beside it, also when this fails, and the next call goes on there.
 * @throws {SetupError} if the connection stays broken, and what `options.refused` gives if the server refuses
 * @throws {WeightsError} if the hash is wrong; what arrived is thrown away then
 * @throws {DiskError} if the disk refuses
 */
export async function download(url: string, path: string, options: DownloadOptions = {}): Promise<void> {
  const { what = url, partial = `${path}.partial`, size: total, digest } = options;
  const refused = options.refused ?? refusedBy(what);
  let before = fileSize(partial);
  {
    using part = new PartialFile(partial, { kind: digest?.kind, total });
    try {
      await retrying(() => attempt(part, { ...options, url, refused }), {
        ...options,
        isFinal: (error) => error instanceof WantuneError,
        progressed: () => {
          const further = part.size > before;
          before = part.size;
          return further;
        },
      });
    } catch (error) {
      if (part.size === 0) Deno.removeSync(partial);
      if (error instanceof WantuneError || options.signal?.aborted) throw error;
      throw new SetupError(`Cannot download ${what}: ${messageOf(error)}.`, {
        cure: "check the network and run it again: it goes on where it stopped",
        cause: error,
      });
    }
    part.sync();
    checkDigest(part, { what, digest });
  }
  try {
    Deno.renameSync(partial, path);
  } catch (error) {
    throw diskError(`write "${path}"`, error);
  }
  syncFolder(dirname(path));
}

interface Attempt extends DownloadOptions {
  readonly url: string;
  readonly refused: (response: Response) => WantuneError;
}

/** Fetches what is missing. @throws {Passing} or an error of the connection if it broke */
async function attempt(part: PartialFile, options: Attempt): Promise<void> {
  const { url, refused, onProgress, signal, size } = options;
  if (part.size === size) return onProgress?.(part.size, size);
  using idle = new Idle(options.idleSeconds ?? 60);
  const either = signal === undefined ? idle.signal : AbortSignal.any([signal, idle.signal]);
  const request = options.request ?? ((headers, signal) => fetch(url, { headers, signal }));
  // not compressed: counts and ranges are those of the file itself
  const headers = { "accept-encoding": "identity", ...(part.size > 0 ? { range: `bytes=${part.size}-` } : {}) };
  const response = await request(headers, either);
  try {
    if (response.status === 416 && part.size > 0) { // more than there is: ours is of another file, or whole already
      if (Number(/\*\/(\d+)/.exec(response.headers.get("content-range") ?? "")?.[1]) === part.size) return;
      part.restart();
      throw new Passing("what was there is longer than the file");
    }
    if (!response.ok || response.body === null) {
      if (!mayPass(response.status)) throw refused(response);
      throw new Passing(`the server answers ${response.status}`, { afterSeconds: retryAfter(response) });
    }
    const start = startOf(response, part.size);
    if (start === 0 && part.size > 0) part.restart();
    const length = Number(response.headers.get("content-length") ?? NaN);
    const total = size ?? (Number.isFinite(length) ? start + length : undefined);
    for await (const bytes of response.body) {
      idle.alive();
      if (size !== undefined && part.size + bytes.length > size) {
        part.restart();
        throw new Passing(`the server sends more than the ${size} bytes of the file`);
      }
      part.append(bytes);
      onProgress?.(part.size, total);
    }
    if (total !== undefined && part.size !== total) throw new Passing("the connection ended early");
  } finally {
    await response.body?.cancel().catch(() => {});
  }
}

/** Whether a refusal may be of the moment. */
function mayPass(status: number): boolean {
  return status >= 500 || status === 408 || status === 429;
}

/** Seconds that the server asks to wait. */
export function retryAfter(response: Response): number | undefined {
  const seconds = Number(response.headers.get("retry-after") ?? NaN);
  return Number.isFinite(seconds) ? seconds : undefined;
}

function refusedBy(what: string): (response: Response) => WantuneError {
  return ({ status, statusText }) =>
    new SetupError(`Cannot download ${what}: the server answers ${`${status} ${statusText}`.trim()}.`, {
      cure: "check the address",
    });
}

/** Where the answer begins: after what we have if the server obeys the range, else at the start. */
function startOf(response: Response, have: number): number {
  if (response.status !== 206) return 0;
  const given = response.headers.get("content-range") ?? "";
  if (Number(/^bytes (\d+)-/.exec(given)?.[1] ?? NaN) === have) return have;
  throw new Passing(`the server sent "${given}" when asked for bytes from ${have}`);
}

function checkDigest(part: PartialFile, { what, digest }: { what: string; digest: Digest | undefined }): void {
  const found = part.digest();
  if (digest === undefined || found === digest.hex.toLowerCase()) return;
  Deno.removeSync(part.path);
  const name = digest.kind === "sha256" ? "SHA-256" : "git hash";
  throw new WeightsError(
    `Cannot use ${what}: its ${name} is ${found}, it should be ${digest.hex}; it was thrown away.`,
    {
      cure: "run it again; if it stays so, the mirror or a proxy alters the file",
    },
  );
}

/** Aborts when nothing comes for some time. */
class Idle implements Disposable {
  readonly #abort = new AbortController();
  readonly #seconds: number;
  #timer: ReturnType<typeof setTimeout>;

  constructor(seconds: number) {
    this.#seconds = seconds;
    this.#timer = this.#start();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  alive(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#start();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #start(): ReturnType<typeof setTimeout> {
    return setTimeout(
      () => this.#abort.abort(new Error(`nothing came for ${this.#seconds} s`)),
      this.#seconds * 1000,
    );
  }
}
