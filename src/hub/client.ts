/**
 * The Hugging Face hub over HTTP: what a revision holds, and its files from a byte on.
 *
 * Plain `fetch` rather than the npm package `@huggingface/hub`: three addresses are needed, and the package neither goes
 * on in mid-file nor checks hashes nor tells progress, so all that matters would be ours anyway.
 */

import { z } from "zod";
import {
  ConfigError,
  type Digest,
  messageOf,
  Passing,
  retryAfter,
  retrying,
  type RetryOptions,
  SetupError,
  WantuneError,
} from "../base/mod.ts";
import { type Asked, refusal } from "./refusal.ts";

/** A file of a repository. */
export interface HubFile {
  /** Below the repository's root, with forward slashes. */
  readonly path: string;
  readonly size: number;
  /** The SHA-256 of a large file, the git object id of a small one. */
  readonly digest: Digest;
}

/** Which hub, and as whom. */
export interface HubOptions extends RetryOptions {
  /** Absent: `HF_ENDPOINT`, else the official hub. */
  readonly endpoint?: string | undefined;
  /** Absent: `HF_TOKEN`, if set. Sent to the endpoint's own origin alone. */
  readonly token?: string | undefined;
}

const OFFICIAL = "https://huggingface.co";
const MAX_REDIRECTS = 10;
const MAX_PAGES = 1000;
const PATIENCE_SECONDS = 60;

const infoSchema = z.looseObject({ sha: z.string().regex(/^[0-9a-f]{40,64}$/) });

const treeSchema = z.array(z.looseObject({
  type: z.string(),
  path: z.string().min(1),
  oid: z.string(),
  size: z.int().nonnegative().default(0),
  lfs: z.looseObject({ oid: z.string().regex(/^[0-9a-f]{64}$/), size: z.int().nonnegative() }).nullish(),
}));

/** A hub that is asked about one repository at a time. */
export class HubClient {
  readonly endpoint: string;
  readonly #token: string | undefined;
  readonly #retry: RetryOptions;

  /** @throws {ConfigError} if the endpoint is no web address */
  constructor(options: HubOptions = {}) {
    const endpoint = options.endpoint ?? (Deno.env.get("HF_ENDPOINT") || OFFICIAL);
    if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol)) {
      throw new ConfigError(`Cannot use HF_ENDPOINT: "${endpoint}" is no web address.`, {
        cure: `write it like ${OFFICIAL}`,
      });
    }
    this.endpoint = endpoint.replace(/\/+$/, "");
    this.#token = options.token ?? (Deno.env.get("HF_TOKEN")?.trim() || undefined);
    const { retries, pauseSeconds, signal } = options;
    this.#retry = { retries, pauseSeconds, signal };
  }

  /** The commit that a branch, tag or commit is now. @throws {ConfigError} if there is none, or it may not be read */
  async commitOf(repo: string, revision: string): Promise<string> {
    const url = `${this.endpoint}/api/models/${repo}/revision/${encodeURIComponent(revision)}`;
    const { json } = await this.#json(url, { repo, revision });
    return parsed(infoSchema, json, url).sha;
  }

  /** Every file of a commit; the hub gives them in pages. */
  async files(repo: string, commit: string): Promise<HubFile[]> {
    const files: HubFile[] = [];
    let url: string | undefined = `${this.endpoint}/api/models/${repo}/tree/${commit}?recursive=true`;
    for (let page = 0; url !== undefined && page < MAX_PAGES; page++) {
      const { json, next }: { json: unknown; next: string | undefined } = await this.#json(url, {
        repo,
        revision: commit,
      });
      for (const { type, path, oid, size, lfs } of parsed(treeSchema, json, url)) {
        if (type !== "file") continue;
        const digest = lfs ? { kind: "sha256", hex: lfs.oid } as const : { kind: "git-blob", hex: oid } as const;
        files.push({ path: safePath(path, repo), size: lfs?.size ?? size, digest });
      }
      url = next;
    }
    return files;
  }

  /** The address of a file. */
  addressOf(repo: string, commit: string, path: string): string {
    return `${this.endpoint}/${repo}/resolve/${commit}/${path.split("/").map(encodeURIComponent).join("/")}`;
  }

  /**
   * Asks for an address and follows to where it leads; the token stays with the endpoint.
   * @throws {Passing} if the connection fails
   */
  async get(url: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    const home = new URL(this.endpoint).origin;
    let target = new URL(url);
    for (let hop = 0; hop < MAX_REDIRECTS; hop++) {
      const own = this.#token !== undefined && target.origin === home;
      let response: Response;
      try {
        response = await fetch(target, {
          headers: own ? { ...headers, authorization: `Bearer ${this.#token}` } : headers,
          redirect: "manual",
          signal,
        });
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        // an address of the storage carries a signature that is nobody's business
        throw new Passing(messageOf(error).replaceAll(/\?[^\s)]*/g, "?…"));
      }
      const location = response.headers.get("location");
      if (response.status < 300 || response.status >= 400 || location === null) return response;
      await response.body?.cancel();
      const before = target;
      target = new URL(location, before);
      if (before.protocol === "https:" && target.protocol !== "https:") {
        throw new SetupError(
          `Cannot fetch from ${this.endpoint}: it leads to ${target.origin}, which is not encrypted.`,
        );
      }
    }
    throw new SetupError(`Cannot fetch ${url}: it leads on more than ${MAX_REDIRECTS} times.`);
  }

  /** The error for a refusal. */
  refused(response: Response, asked: Pick<Asked, "repo" | "revision" | "path">): WantuneError {
    return refusal(response, { ...asked, endpoint: this.endpoint, hasToken: this.#token !== undefined });
  }

  async #json(
    url: string,
    asked: { repo: string; revision: string },
  ): Promise<{ json: unknown; next: string | undefined }> {
    const { signal } = this.#retry;
    try {
      return await retrying(async () => {
        const patience = AbortSignal.timeout(PATIENCE_SECONDS * 1000);
        const either = signal === undefined ? patience : AbortSignal.any([signal, patience]);
        const response = await this.get(url, { accept: "application/json" }, either);
        if (response.ok) return { json: await response.json() as unknown, next: this.#nextPage(response) };
        await response.body?.cancel();
        if (response.status < 500 && response.status !== 429) throw this.refused(response, asked);
        throw new Passing(`the server answers ${response.status}`, { afterSeconds: retryAfter(response) });
      }, { ...this.#retry, isFinal: (error) => error instanceof WantuneError });
    } catch (error) {
      if (error instanceof WantuneError || signal?.aborted) throw error;
      throw new SetupError(`Cannot ask ${this.endpoint} about ${asked.repo}: ${messageOf(error)}.`, {
        cure: "check the network, or name a mirror with HF_ENDPOINT",
        cause: error,
      });
    }
  }

  /** The next page, always of this endpoint: mirrors pass on links of the official hub. */
  #nextPage(response: Response): string | undefined {
    const link = /<([^>]+)>\s*;\s*rel="?next"?/.exec(response.headers.get("link") ?? "")?.[1];
    if (link === undefined) return undefined;
    const { pathname, search } = new URL(link, this.endpoint);
    return new URL(this.endpoint).origin + pathname + search;
  }
}

function parsed<T extends z.ZodType>(schema: T, json: unknown, url: string): z.infer<T> {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  throw new SetupError(`Cannot understand the answer of ${url}: ${z.prettifyError(result.error).split("\n")[0]}.`, {
    cure: "check that HF_ENDPOINT is a Hugging Face hub",
  });
}

/** A path that stays in the folder it is joined to. @throws {SetupError} for others */
function safePath(path: string, repo: string): string {
  const parts = path.split("/");
  // deno-lint-ignore no-control-regex
  if (!parts.some((part) => part === "" || part === "." || part === "..") && !/[\\\u0000-\u001f]/.test(path)) {
    return path;
  }
  throw new SetupError(`Cannot fetch ${repo}: its file ${JSON.stringify(path)} would lie outside the folder.`);
}
