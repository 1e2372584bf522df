/** A model from the hub into a folder: only the files needed, several at a time, each gone on with where it stopped. */

import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import {
  ConfigError,
  digestFile,
  DiskError,
  download,
  fileSize,
  formatBytes,
  freeBytes,
  makeFolder,
} from "../base/mod.ts";
import { HubClient, type HubFile, type HubOptions } from "./client.ts";
import { DownloadRecord } from "./record.ts";
import { selectFiles, type Selection } from "./select.ts";

/** Where a fetch stands. */
export interface GetProgress {
  /** Of all files needed, those that were there already included. */
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly numDone: number;
  readonly numFiles: number;
  /** Bytes that came over the network in this call. */
  readonly fetchedBytes: number;
}

/** What to fetch and how. */
export interface GetOptions extends HubOptions, Selection {
  /** `owner/name` */
  readonly repo: string;
  /** Branch, tag or commit; `main` if absent. */
  readonly revision?: string | undefined;
  /** Where to; created if need be. */
  readonly folder: string;
  /** Files at a time; 4 if absent. */
  readonly jobs?: number | undefined;
  readonly idleSeconds?: number | undefined;
  readonly onProgress?: ((progress: GetProgress) => void) | undefined;
  /** Told what is worth knowing, one line each. */
  readonly say?: ((line: string) => void) | undefined;
}

/** What is in the folder now. */
export interface GotModel {
  readonly folder: string;
  readonly repo: string;
  readonly commit: string;
  readonly files: readonly string[];
  readonly totalBytes: number;
  /** Bytes that came over the network. */
  readonly fetchedBytes: number;
}

const DEFAULT_JOBS = 4;
/** Disk space that is left alone: file systems misbehave when they are full to the last byte. */
const SPARE_BYTES = 16 * 2 ** 20;

/**
 * Fetches a model. Whatever fails, what has arrived stays, and the next call goes on from there: whole files under their
 * names, others as `NAME.<first letters of the hash>.partial`.
 * @throws {ConfigError} if repository, revision or part do not exist or may not be read, or a file of the user is in the way
 * @throws {SetupError} if the connection stays broken
 * @throws {WeightsError} if a file has another hash than the hub says; it is thrown away, the others stay
 * @throws {DiskError} if the disk is too small, told before anything is fetched, or refuses
 */
export async function getModel(options: GetOptions): Promise<GotModel> {
  const { repo, revision = "main", jobs = DEFAULT_JOBS, say } = options;
  const folder = resolve(options.folder);
  const client = new HubClient(options);
  const commit = await client.commitOf(repo, revision);
  const files = selectFiles(await client.files(repo, commit), { ...options, repo });
  makeFolder(folder);
  const record = new DownloadRecord(folder, { repo, commit });
  const missing = files.filter((file) => !isThere(file, { folder, record, say }));
  const plan = missing.map((file) => ({ file, partial: partialOf(file, folder) }));
  checkSpace(plan, folder, repo);

  const progress = new Progress(files, options.onProgress);
  for (const file of files) if (!missing.includes(file)) progress.finish(file);
  for (const { file, partial } of plan) progress.begin(file, fileSize(partial));
  await inParallel(plan, jobs, async ({ file, partial }, signal) => {
    const address = client.addressOf(repo, commit, file.path);
    await download(address, join(folder, file.path), {
      what: `${file.path} of ${repo}`,
      partial,
      size: file.size,
      digest: file.digest,
      retries: options.retries,
      pauseSeconds: options.pauseSeconds,
      idleSeconds: options.idleSeconds,
      signal: options.signal === undefined ? signal : AbortSignal.any([signal, options.signal]),
      request: (headers, signal) => client.get(address, headers, signal),
      refused: (response) => client.refused(response, { repo, revision, path: file.path }),
      onProgress: (bytes) => progress.at(file, bytes),
    });
    record.note(file);
    progress.finish(file);
  });
  const totalBytes = files.reduce((sum, { size }) => sum + size, 0);
  return {
    folder,
    repo,
    commit,
    files: files.map(({ path }) => path),
    totalBytes,
    fetchedBytes: progress.fetchedBytes,
  };
}

/** Whether a file is in place already. @throws {ConfigError} if there is one that we did not fetch */
function isThere(
  file: HubFile,
  { folder, record, say }: { folder: string; record: DownloadRecord; say: ((line: string) => void) | undefined },
): boolean {
  const path = join(folder, file.path);
  if (!existsSync(path)) return false;
  const state = record.state(file);
  if (state === "same") return true;
  if (state === "older") {
    say?.(`${file.path} is of an earlier revision and is fetched anew`);
    return false;
  }
  if (fileSize(path) === file.size) {
    say?.(`checking ${file.path}`);
    if (digestFile(path, file.digest.kind) === file.digest.hex) {
      record.note(file);
      return true;
    }
  }
  throw new ConfigError(`Cannot fetch ${file.path}: "${path}" is there already and is another file.`, {
    cure: "name another folder with --out, or move the file away",
  });
}

/** Where a file arrives; parts of other versions of it are removed. */
function partialOf({ path, digest }: HubFile, folder: string): string {
  const final = join(folder, path);
  const parent = makeFolder(dirname(final));
  const partial = `${final}.${digest.hex.slice(0, 12)}.partial`;
  for (const name of readdirSync(parent)) {
    const rest = name.startsWith(`${basename(final)}.`) ? name.slice(basename(final).length) : "";
    if (/^\.[0-9a-f]{12}\.partial$/.test(rest) && name !== basename(partial)) Deno.removeSync(join(parent, name));
  }
  return partial;
}

/** @throws {DiskError} if what is still to come does not fit */
function checkSpace(plan: readonly { file: HubFile; partial: string }[], folder: string, repo: string): void {
  const needed = plan.reduce((sum, { file, partial }) => sum + Math.max(0, file.size - fileSize(partial)), 0);
  const free = freeBytes(folder);
  if (needed === 0 || free === undefined || needed + Math.min(SPARE_BYTES, needed) <= free) return;
  throw new DiskError(
    `Cannot fetch ${repo} into "${folder}": ${formatBytes(needed)} are still to come, ${formatBytes(free)} are free.`,
    { cure: "free some space and run it again, name a folder on another disk with --out, or fetch less with --only" },
  );
}

/** Works on items in order, `jobs` at a time; the first failure stops the others and is thrown. */
async function inParallel<T>(
  items: readonly T[],
  jobs: number,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const abort = new AbortController();
  const queue = [...items];
  let failure: { error: unknown } | undefined;
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined && failure === undefined; item = queue.shift()) {
      try {
        await work(item, abort.signal);
      } catch (error) {
        failure ??= { error };
        abort.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(jobs, items.length)) }, worker));
  if (failure !== undefined) throw failure.error;
}

/** Adds up what the files tell. */
class Progress {
  readonly #total: number;
  readonly #numFiles: number;
  readonly #tell: ((progress: GetProgress) => void) | undefined;
  readonly #done = new Map<HubFile, number>();
  #numDone = 0;
  #doneBytes = 0;
  #fetched = 0;

  constructor(files: readonly HubFile[], tell: ((progress: GetProgress) => void) | undefined) {
    this.#total = files.reduce((sum, { size }) => sum + size, 0);
    this.#numFiles = files.length;
    this.#tell = tell;
  }

  get fetchedBytes(): number {
    return this.#fetched;
  }

  /** A file of which some bytes are there. */
  begin(file: HubFile, bytes: number): void {
    this.#done.set(file, bytes);
    this.#doneBytes += bytes;
  }

  /** Bytes of a file that are there now; fewer than before when it starts anew. */
  at(file: HubFile, bytes: number): void {
    const before = this.#done.get(file) ?? 0;
    this.#done.set(file, bytes);
    this.#doneBytes += bytes - before;
    this.#fetched += bytes > before ? bytes - before : bytes;
    this.#show();
  }

  finish(file: HubFile): void {
    this.#doneBytes += file.size - (this.#done.get(file) ?? 0);
    this.#done.set(file, file.size);
    this.#numDone++;
    this.#show();
  }

  #show(): void {
    this.#tell?.({
      doneBytes: this.#doneBytes,
      totalBytes: this.#total,
      numDone: this.#numDone,
      numFiles: this.#numFiles,
      fetchedBytes: this.#fetched,
    });
  }
}
