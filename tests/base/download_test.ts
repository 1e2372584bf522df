import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Digest, digestFile, DiskError, download, PartialFile, SetupError, sha256 } from "../../src/base/mod.ts";
import { withFolder, withSmallDisk } from "../support/tmp.ts";

const CONTENT = new Uint8Array(300_000).map((_, i) => (i * 31) ^ (i >> 8));
const QUICK = { pauseSeconds: 0.01 };
const DIGEST: Digest = { kind: "sha256", hex: sha256(CONTENT) };

/** What the server did with one request. */
interface Seen {
  readonly range: string | null;
}

/** A server on this machine; `answer` gets the number of the request, from 0. */
async function withServer(
  answer: (request: Request, count: number) => Response | Promise<Response>,
  body: (url: string, seen: readonly Seen[]) => Promise<void>,
): Promise<void> {
  const seen: Seen[] = [];
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {}, onError: () => new Response() },
    (request) => {
      seen.push({ range: request.headers.get("range") });
      return answer(request, seen.length - 1);
    },
  );
  try {
    await body(`http://127.0.0.1:${server.addr.port}/torch.whl`, seen);
  } finally {
    await server.shutdown();
  }
}

/** The part of the content that a request asks for, as a whole or broken off after `limit` bytes. */
function serve(request: Request, limit = Infinity): Response {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "")?.[1] ?? 0);
  const bytes = CONTENT.slice(start);
  const headers: Record<string, string> = { "content-length": String(bytes.length) };
  if (start > 0) headers["content-range"] = `bytes ${start}-${CONTENT.length - 1}/${CONTENT.length}`;
  const stream = new ReadableStream<Uint8Array>({
    async start(controller): Promise<void> {
      controller.enqueue(bytes.slice(0, limit));
      if (limit >= bytes.length) return controller.close();
      await new Promise((done) => setTimeout(done, 20)); // so that the first bytes are on their way
      controller.error(new Error("the cable was pulled"));
    },
  });
  return new Response(stream, { status: start > 0 ? 206 : 200, headers });
}

Deno.test("download() goes on where a broken connection stopped", () =>
  withFolder((folder) =>
    withServer((request, count) => serve(request, count < 3 ? 70_000 : Infinity), async (url, seen) => {
      const path = join(folder, "torch.whl");
      const progress: number[] = [];
      await download(url, path, { ...QUICK, digest: DIGEST, onProgress: (done) => void progress.push(done) });
      assert.deepEqual(Deno.readFileSync(path), CONTENT);
      assert.ok(!existsSync(`${path}.partial`));
      assert.deepEqual(seen.map(({ range }) => range), [null, "bytes=70000-", "bytes=140000-", "bytes=210000-"]);
      assert.deepEqual(progress, progress.toSorted((a, b) => a - b));
      assert.equal(progress.at(-1), CONTENT.length);
    })
  ));

Deno.test("download() goes on after a failed run, and starts anew where the server ignores ranges", () =>
  withFolder(async (folder) => {
    const path = join(folder, "torch.whl");
    await withServer((request) => serve(request, 50_000), async (url) => {
      const stop = AbortSignal.timeout(150);
      await assert.rejects(download(url, path, { pauseSeconds: 10, signal: stop }));
    });
    assert.equal(Deno.statSync(`${path}.partial`).size, 50_000);
    await withServer((request) => serve(request), async (url, seen) => {
      await download(url, path, { ...QUICK, digest: DIGEST });
      assert.equal(seen[0]?.range, "bytes=50000-");
    });
    Deno.writeFileSync(`${path}.partial`, new Uint8Array(1000));
    await withServer(() => new Response(CONTENT), async (url) => {
      await download(url, path, { ...QUICK, digest: DIGEST });
      assert.deepEqual(Deno.readFileSync(path), CONTENT);
    });
  }));

Deno.test("download() gives up after several tries without a byte, and keeps what it has", () =>
  withFolder((folder) =>
    withServer(() => new Response("busy", { status: 503 }), async (url, seen) => {
      const path = join(folder, "torch.whl");
      Deno.writeFileSync(`${path}.partial`, CONTENT.slice(0, 10));
      await assert.rejects(download(url, path, { ...QUICK, retries: 2 }), (error: unknown) => {
        assert.ok(error instanceof SetupError);
        assert.match(error.message, /Cannot download .*: the server answers 503/);
        assert.match(error.cure ?? "", /goes on where it stopped/);
        return true;
      });
      assert.equal(seen.length, 3);
      assert.equal(Deno.statSync(`${path}.partial`).size, 10);
    })
  ));

Deno.test("download() refuses at once what the server refuses", () =>
  withFolder((folder) =>
    withServer(() => new Response("no", { status: 404 }), async (url, seen) => {
      await assert.rejects(download(url, join(folder, "x"), QUICK), (error: unknown) =>
        error instanceof SetupError && /answers 404 Not Found/.test(error.message) &&
        /check the address/.test(error.cure ?? ""));
      assert.equal(seen.length, 1);
      assert.deepEqual([...Deno.readDirSync(folder)], []);
    })
  ));

Deno.test("download() throws a file with the wrong hash away", () =>
  withFolder((folder) =>
    withServer((request) => serve(request), async (url) => {
      await assert.rejects(
        download(url, join(folder, "x"), { ...QUICK, digest: { kind: "sha256", hex: "00".repeat(32) } }),
        /its SHA-256 is [0-9a-f]{64}, it should be 0000/,
      );
      assert.deepEqual([...Deno.readDirSync(folder)], []);
    })
  ));

Deno.test("download() of a part that is longer than the file starts anew; of a whole part, it only checks", () =>
  withFolder(async (folder) => {
    const path = join(folder, "x");
    const answer = (request: Request): Response =>
      request.headers.has("range")
        ? new Response(null, { status: 416, headers: { "content-range": `bytes */${CONTENT.length}` } })
        : serve(request);
    Deno.writeFileSync(`${path}.partial`, new Uint8Array(CONTENT.length + 5));
    await withServer(answer, (url) => download(url, path, { ...QUICK, digest: DIGEST }));
    assert.deepEqual(Deno.readFileSync(path), CONTENT);
    Deno.renameSync(path, `${path}.partial`);
    await withServer(answer, (url) => download(url, path, { ...QUICK, digest: DIGEST }));
    assert.deepEqual(Deno.readFileSync(path), CONTENT);
  }));

Deno.test("download() treats a connection that falls silent as broken", () =>
  withFolder((folder) =>
    withServer((request, count) => {
      if (count > 0) return serve(request);
      return new Response(
        new ReadableStream({ start: (controller) => controller.enqueue(CONTENT.slice(0, 1000)) }),
        { headers: { "content-length": String(CONTENT.length) } },
      );
    }, async (url, seen) => {
      const path = join(folder, "x");
      await download(url, path, { ...QUICK, idleSeconds: 0.2, digest: DIGEST });
      assert.equal(seen[1]?.range, "bytes=1000-");
    })
  ));

Deno.test("download() onto a full disk says so at once", async () => {
  await withSmallDisk(64, (folder) =>
    withServer((request) => serve(request), async (url, seen) => {
      await assert.rejects(download(url, join(folder, "x"), QUICK), (error: unknown) =>
        error instanceof DiskError && /the disk is full/.test(error.message));
      assert.equal(seen.length, 1);
    }));
});

Deno.test("download() of a file that another process is fetching refuses; one of a git object checks its id", () =>
  withFolder((folder) =>
    withServer((request) => serve(request), async (url) => {
      const path = join(folder, "x");
      {
        using _other = new PartialFile(`${path}.partial`, {});
        await assert.rejects(download(url, path, QUICK), /another process is fetching it/);
      }
      const header = new TextEncoder().encode(`blob ${CONTENT.length}\0`);
      const hex = createHash("sha1").update(header).update(CONTENT).digest("hex");
      Deno.writeFileSync(`${path}.partial`, CONTENT.subarray(0, 1234));
      await download(url, path, { ...QUICK, size: CONTENT.length, digest: { kind: "git-blob", hex } });
      assert.equal(digestFile(path, "git-blob"), hex);
      assert.equal(digestFile(path, "sha256"), DIGEST.hex);
    })
  ));
