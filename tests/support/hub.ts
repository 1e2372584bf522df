/**
 * A small Hugging Face hub on this machine: the API on one port, large files on another, as on the real one. The storage
 * writes to the socket itself, so that a connection can end after any byte, and counts what it sent.
 */

import { createHash } from "node:crypto";
import { sha256 } from "../../src/base/mod.ts";

/** One request for a large file. */
export interface Sent {
  readonly path: string;
  /** First byte asked for. */
  readonly from: number;
  /** Bytes that left. */
  bytes: number;
  readonly hasToken: boolean;
}

/** How the hub behaves; tests change it while it runs. */
export interface HubHabits {
  /** After how many bytes the next answers of the storage break off, one each. */
  readonly cuts: number[];
  /** Token without which everything is answered with 401. */
  token?: string;
  /** Answers 403 to files, as for gated repositories. */
  gated?: boolean;
  /** Paths whose content is other than the tree says, though of the right size. */
  readonly damaged: Set<string>;
  /** Bytes a second of each answer of the storage; absent: as fast as it goes. */
  bytesPerSecond?: number;
}

/** What a test sees of the hub. */
export interface FakeHub {
  readonly endpoint: string;
  readonly habits: HubHabits;
  readonly sent: readonly Sent[];
  /** Paths and authorization of requests to the API's port. */
  readonly asked: readonly { path: string; authorization: string | null }[];
}

export const REPO = "Some-One/some-model";
export const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const PAGE = 5;

/** Runs `body` with a hub that holds one repository, {@linkcode REPO}. @param files those from 1 kB on are large */
export async function withHub(
  files: Record<string, Uint8Array>,
  body: (hub: FakeHub) => Promise<void>,
): Promise<void> {
  const habits: HubHabits = { cuts: [], damaged: new Set() };
  const sent: Sent[] = [];
  const asked: { path: string; authorization: string | null }[] = [];
  const storage = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const serving = serveStorage(storage, { files, habits, sent });
  const tree = Object.entries(files).map(([path, bytes]) => treeEntry(path, bytes));
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const url = new URL(request.url);
    const authorization = request.headers.get("authorization");
    asked.push({ path: url.pathname, authorization });
    if (habits.token !== undefined && authorization !== `Bearer ${habits.token}`) {
      return new Response("no", { status: 401 });
    }
    const [, resolved] = /\/resolve\/[^/]+\/(.*)$/.exec(decodeURIComponent(url.pathname)) ?? [];
    if (resolved !== undefined) return resolveFile(resolved, request);
    return api(url);
  });
  const endpoint = `http://127.0.0.1:${server.addr.port}`;

  function api(url: URL): Response {
    const [, repo, kind, revision] = /^\/api\/models\/([^/]+\/[^/]+)\/(revision|tree)\/(.+)$/.exec(url.pathname) ?? [];
    if (repo !== REPO) return new Response("no", { status: 404, headers: { "x-error-code": "RepoNotFound" } });
    if (revision !== "main" && revision !== COMMIT) {
      return new Response("no", { status: 404, headers: { "x-error-code": "RevisionNotFound" } });
    }
    if (kind === "revision") return Response.json({ sha: COMMIT });
    const at = Number(url.searchParams.get("cursor") ?? 0);
    const more = at + PAGE < tree.length;
    const next = `<https://elsewhere.example${url.pathname}?recursive=true&cursor=${at + PAGE}>; rel="next"`;
    return Response.json(tree.slice(at, at + PAGE), more ? { headers: { link: next } } : {});
  }

  function resolveFile(path: string, request: Request): Response {
    const bytes = files[path];
    if (habits.gated) return new Response("no", { status: 403, headers: { "x-error-code": "GatedRepo" } });
    if (bytes === undefined) return new Response("no", { status: 404 });
    if (bytes.length >= 1000) {
      const { port } = storage.addr as Deno.NetAddr;
      const location = `http://127.0.0.1:${port}/${encodeURIComponent(path)}?signature=secret`;
      return new Response(null, { status: 302, headers: { location } });
    }
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "")?.[1] ?? 0);
    const range = { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
    return new Response(bytes.slice(from), from > 0 ? { status: 206, headers: range } : {});
  }

  try {
    await body({ endpoint, habits, sent, asked });
  } finally {
    storage.close();
    await server.shutdown();
    await serving;
  }
}

function treeEntry(path: string, bytes: Uint8Array): Record<string, unknown> {
  const oid = createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
  if (bytes.length < 1000) return { type: "file", path, oid, size: bytes.length };
  const lfs = { oid: sha256(bytes), size: bytes.length, pointerSize: 134 };
  return { type: "file", path, oid: "5".repeat(40), size: bytes.length, lfs };
}

interface Storage {
  readonly files: Record<string, Uint8Array>;
  readonly habits: HubHabits;
  readonly sent: Sent[];
}

async function serveStorage(listener: Deno.Listener, storage: Storage): Promise<void> {
  const open: Promise<void>[] = [];
  try {
    for await (const connection of listener) open.push(answer(connection, storage));
  } catch {
    // closed
  }
  await Promise.all(open);
}

async function answer(connection: Deno.Conn, { files, habits, sent }: Storage): Promise<void> {
  try {
    const head = await readHead(connection);
    const path = decodeURIComponent(/^GET \/([^ ?]*)/.exec(head)?.[1] ?? "");
    const original = files[path] ?? new Uint8Array();
    const bytes = habits.damaged.has(path) ? original.map((byte, i) => i === 7 ? byte ^ 1 : byte) : original;
    const from = Number(/^range: bytes=(\d+)-/im.exec(head)?.[1] ?? 0);
    const status = from > 0 ? "206 Partial Content" : "200 OK";
    const range = from > 0 ? `content-range: bytes ${from}-${bytes.length - 1}/${bytes.length}\r\n` : "";
    const length = `content-length: ${bytes.length - from}\r\n`;
    const note: Sent = { path, from, bytes: 0, hasToken: /^authorization:/im.test(head) };
    sent.push(note);
    await writeAll(
      connection,
      new TextEncoder().encode(`HTTP/1.1 ${status}\r\n${length}${range}connection: close\r\n\r\n`),
    );
    const end = Math.min(bytes.length, from + (habits.cuts.shift() ?? Infinity));
    const pace = habits.bytesPerSecond;
    for (let at = from; at < end;) {
      const piece = bytes.subarray(at, Math.min(end, at + (pace === undefined ? 65536 : Math.ceil(pace / 50))));
      await writeAll(connection, piece);
      at += piece.length;
      note.bytes += piece.length;
      if (pace !== undefined) await new Promise((done) => setTimeout(done, 20));
    }
  } catch {
    // the client went away
  } finally {
    connection.close();
  }
}

async function readHead(connection: Deno.Conn): Promise<string> {
  const buffer = new Uint8Array(4096);
  let text = "";
  while (!text.includes("\r\n\r\n")) {
    const read = await connection.read(buffer);
    if (read === null) break;
    text += new TextDecoder().decode(buffer.subarray(0, read));
  }
  return text;
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await connection.write(bytes.subarray(done));
}
